//! Tests of the tracepoint layouts.

use super::*;

fn data_lines(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn every_line_is_read() {
    assert_eq!(events().count(), data_lines(EVENTS));
    assert_eq!(syscalls().count(), data_lines(SYSCALLS));
    assert!(syscalls().count() > 340);
}

#[test]
fn fields_lie_behind_the_header_and_apart() {
    for event in events() {
        let mut end = 8;
        for field in &event.fields {
            assert!(
                field.off >= end,
                "{}/{} {}",
                event.category,
                event.name,
                field.name
            );
            end = field.off + field.size;
        }
        assert!(event.fixed_size() >= end, "{}", event.name);
    }
}

#[test]
fn execve_entry_has_the_kernels_layout() {
    let event = find("syscalls", "sys_enter_execve").unwrap();
    let fields: Vec<_> = event
        .fields
        .iter()
        .map(|f| (f.name, f.off, f.size))
        .collect();
    let args = [("filename", 16, 8), ("argv", 24, 8), ("envp", 32, 8)];
    assert_eq!(fields[0], ("__syscall_nr", 8, 4));
    assert_eq!(fields[1..], args);
    assert_eq!(event.fixed_size(), 40);
}

#[test]
fn syscall_exit_has_its_result_at_16() {
    let event = find("syscalls", "sys_exit_openat").unwrap();
    assert_eq!(event.field("ret"), Some(&SYSCALL_RESULT));
    assert_eq!(event.fixed_size(), 24);
}

#[test]
fn process_exec_points_to_its_file_name() {
    let event = find("sched", "sched_process_exec").unwrap();
    let filename = event.field("filename").unwrap();
    assert!(filename.is_data_loc());
    assert_eq!((filename.off, filename.size), (8, 4));
    assert_eq!(
        event.field("old_pid").map(|f| (f.off, f.signed)),
        Some((16, true))
    );
    assert_eq!(event.fixed_size(), 24);
}

#[test]
fn process_fork_has_the_layout_of_6_12() {
    let event = find("sched", "sched_process_fork").unwrap();
    assert_eq!(event.field("child_pid").map(|f| f.off), Some(44));
}

#[test]
fn syscalls_are_found_by_either_name() {
    assert_eq!(syscall_by_name("execve").unwrap().number, 59);
    assert_eq!(syscall_by_name("stat"), syscall_by_name("newstat"));
    assert_eq!(syscall_by_number(0).unwrap().name, "read");
    assert_eq!(syscall_by_number(462).unwrap().name, "mseal");
    assert_eq!(syscall_by_number(9999), None);
}

#[test]
fn unknown_tracepoints_are_not_found() {
    assert_eq!(find("sched", "no_such"), None);
    assert_eq!(find("syscalls", "sys_enter_no_such"), None);
    assert_eq!(find("syscalls", "execve"), None);
}
