//! Tests of the ways of events and of what they lay out.

use std::sync::Arc;

use super::*;
use crate::abi::ProgType;
use crate::abi::context::guest;
use crate::btf::KindFilter;
use crate::helpers::Returned;
use crate::isa::Size;
use crate::machine::{Addr, Machine, MachineConfig, MemoryConfig, Task};
use crate::object::Program;

fn machine() -> Machine {
    let memory = MemoryConfig {
        arena: 1 << 30,
        budget: 64 << 20,
        ..MemoryConfig::default()
    };
    Machine::new(MachineConfig {
        memory,
        ..MachineConfig::default()
    })
    .unwrap()
}

fn task() -> Arc<Task> {
    Arc::new(Task::default())
}

fn way(event: &Event) -> Vec<String> {
    event
        .passage(&task())
        .unwrap()
        .points()
        .map(ToString::to_string)
        .collect()
}

/// The first stop of that name, and the way from there on.
fn stop_at(event: &Event, name: &str) -> (Stop, Passage) {
    let mut passage = event.passage(&task()).unwrap();
    loop {
        let stop = passage
            .advance()
            .unwrap_or_else(|| panic!("{event:?} passes no {name}"));
        if stop.point.to_string() == name {
            return (stop, passage);
        }
    }
}

fn attached(section: &str) -> Attachment {
    let found = crate::abi::sections::parse(section).unwrap();
    let mut program = Program::from_raw("test", found.prog_type, Vec::new());
    program.section = section.to_owned();
    program.attach_type = found.attach_type;
    program.attach_target = found.attach_target.map(str::to_owned);
    Attachment::of(&program)
}

fn word(machine: &Machine, at: u64, off: u32) -> u64 {
    machine
        .memory
        .peek_uint(Addr(at).offset(i64::from(off)), Size::DW)
        .unwrap()
}

/// A number in a structure of Linux 6.12.
fn member(machine: &Machine, at: u64, structure: &str, path: &str) -> u64 {
    let btf = crate::btf::kernel_6_12();
    let id = btf.find(structure, KindFilter::STRUCT).unwrap();
    let place = btf.member_path(id, path).unwrap();
    let size = Size::from_bytes(u32::try_from(btf.size_of(place.ty).unwrap()).unwrap()).unwrap();
    machine
        .memory
        .peek_uint(Addr(at + place.bit_offset / 8), size)
        .unwrap()
}

fn kernel_text(machine: &Machine, at: u64) -> String {
    String::from_utf8(machine.memory.probe_read_str(Addr(at), 64).unwrap()).unwrap()
}

fn user_text(machine: &Machine, at: u64) -> String {
    String::from_utf8(machine.memory.copy_user_str(Addr(at), 64).unwrap()).unwrap()
}

#[test]
fn execve_passes_its_hooks_in_the_kernels_order() {
    let way = way(&Event::execve("/bin/ls"));
    let wanted = [
        "raw_tp sys_enter",
        "tracepoint raw_syscalls/sys_enter",
        "tracepoint syscalls/sys_enter_execve",
        "entry __x64_sys_execve",
        "entry do_execveat_common",
        "lsm file_open",
        "return alloc_bprm",
        "entry bprm_execve",
        "lsm bprm_creds_for_exec",
        "lsm bprm_check_security",
        "entry load_elf_binary",
        "lsm bprm_creds_from_file",
        "raw_tp sched_prepare_exec",
        "tracepoint task/task_rename",
        "lsm bprm_committing_creds",
        "lsm bprm_committed_creds",
        "return load_elf_binary",
        "raw_tp sched_process_exec",
        "tracepoint sched/sched_process_exec",
        "return bprm_execve",
        "return __x64_sys_execve",
        "raw_tp sys_exit",
        "tracepoint syscalls/sys_exit_execve",
    ];
    let places: Vec<_> = wanted
        .iter()
        .map(|name| way.iter().position(|at| at == name))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{way:#?}"
    );
}

#[test]
fn denial_skips_to_the_returns_of_what_was_entered() {
    let (_, mut passage) = stop_at(&Event::execve("/bin/ls"), "lsm bprm_check_security");
    passage.answer(Answer::End(-13));
    let mut left = Vec::new();
    while let Some(stop) = passage.advance() {
        assert_eq!(stop.returned, Some(-13), "{}", stop.point);
        left.push(stop.point.to_string());
    }
    assert_eq!(
        left,
        [
            "return security_bprm_check",
            "return bprm_execve",
            "return do_execveat_common",
            "return __x64_sys_execve",
            "raw_tp sys_exit",
            "tracepoint raw_syscalls/sys_exit",
            "tracepoint syscalls/sys_exit_execve",
        ]
    );
    assert_eq!(passage.result(), Some(-13));
}

#[test]
fn overridden_system_call_does_nothing_inside() {
    let (_, mut passage) = stop_at(&Event::syscall("openat", &[]), "entry __x64_sys_openat");
    passage.answer(Answer::End(-2));
    let next = passage.advance().unwrap();
    assert_eq!(
        (next.point.to_string().as_str(), next.returned),
        ("return __x64_sys_openat", Some(-2))
    );
}

#[test]
fn execve_is_the_callers_until_the_new_program_is_in_place() {
    let event = Event::execve("/usr/bin/make");
    let comm_at = |name: &str| stop_at(&event, name).1.task().comm.to_string();
    assert_eq!(comm_at("tracepoint task/task_rename"), "bash");
    assert_eq!(comm_at("lsm bprm_committing_creds"), "make");
    assert_eq!(comm_at("tracepoint syscalls/sys_exit_execve"), "make");

    let (_, mut denied) = stop_at(&event, "lsm bprm_creds_from_file");
    denied.answer(Answer::End(-1));
    while denied.advance().is_some() {}
    assert_eq!(denied.task().comm.to_string(), "bash");
}

#[test]
fn system_calls_arguments_are_in_record_and_registers() {
    let machine = machine();
    let event = Event::syscall(
        "openat",
        &[("filename", "/etc/passwd"), ("flags", "0x80000")],
    );
    let (stop, passage) = stop_at(&event, "tracepoint syscalls/sys_enter_openat");
    let mut scene = Scene::new(&machine, None, &passage);
    let record = scene
        .context(
            &stop,
            &attached("tp/syscalls/sys_enter_openat"),
            passage.task(),
        )
        .unwrap()
        .addr
        .0;
    let pid = machine.memory.peek_uint(Addr(record + 4), Size::W).unwrap();
    assert_eq!(
        (pid, word(&machine, record, 8), word(&machine, record, 16)),
        (1234, 257, (-100i64).cast_unsigned())
    );
    assert_eq!(
        (
            user_text(&machine, word(&machine, record, 24)).as_str(),
            word(&machine, record, 32)
        ),
        ("/etc/passwd", 0x80000)
    );

    let (stop, passage) = stop_at(&event, "entry __x64_sys_openat");
    let context = scene
        .context(&stop, &attached("ksyscall/openat"), passage.task())
        .unwrap();
    let user = word(&machine, context.addr.0, 112);
    assert_eq!(context.func_ip, word(&machine, context.addr.0, 128));
    assert_eq!(
        (
            user_text(&machine, word(&machine, user, 104)).as_str(),
            word(&machine, user, 96),
            word(&machine, user, 120)
        ),
        ("/etc/passwd", 0x80000, 257)
    );

    let (stop, passage) = stop_at(&event, "raw_tp sys_exit");
    let args = scene
        .context(&stop, &attached("raw_tp/sys_exit"), passage.task())
        .unwrap()
        .addr
        .0;
    assert_eq!(
        (word(&machine, args, 0), word(&machine, args, 8)),
        (user, 3)
    );
    assert_eq!(word(&machine, user, 80), 3);
}

#[test]
fn kretprobe_finds_the_result_in_ax() {
    let machine = machine();
    let event = Event::syscall("read", &[("count", "100")]);
    let (stop, passage) = stop_at(&event, "return ksys_read");
    let mut scene = Scene::new(&machine, None, &passage);
    let regs = scene
        .context(&stop, &attached("kretprobe/ksys_read"), passage.task())
        .unwrap()
        .addr
        .0;
    assert_eq!(word(&machine, regs, 80), 100);
}

#[test]
fn record_holds_its_strings_behind_its_fields() {
    let machine = machine();
    let (stop, passage) = stop_at(
        &Event::execve("/bin/ls"),
        "tracepoint sched/sched_process_exec",
    );
    let mut scene = Scene::new(&machine, None, &passage);
    let record = scene
        .context(
            &stop,
            &attached("tp/sched/sched_process_exec"),
            passage.task(),
        )
        .unwrap()
        .addr;
    let place = machine.memory.peek_uint(record.offset(8), Size::W).unwrap();
    assert_eq!(place >> 16, 8);
    assert_eq!(
        kernel_text(&machine, record.0 + (place & 0xffff)),
        "/bin/ls"
    );
}

#[test]
fn typed_arguments_are_structures_laid_out_by_btf() {
    let machine = machine();
    let (stop, passage) = stop_at(&Event::execve("/usr/bin/make"), "lsm bprm_check_security");
    let mut scene = Scene::new(&machine, None, &passage);
    let context = scene
        .context(&stop, &attached("lsm/bprm_check_security"), passage.task())
        .unwrap();
    assert_eq!(
        (context.func_args, word(&machine, context.addr.0, 8)),
        (1, 0)
    );
    let bprm = word(&machine, context.addr.0, 0);
    let get = |at, structure: &str, path: &str| member(&machine, at, structure, path);
    assert_eq!(
        kernel_text(&machine, get(bprm, "linux_binprm", "filename")),
        "/usr/bin/make"
    );
    let cred = get(bprm, "linux_binprm", "cred");
    assert_eq!(
        (get(cred, "cred", "uid.val"), get(cred, "cred", "egid.val")),
        (1000, 1000)
    );
    let dentry = get(get(bprm, "linux_binprm", "file"), "file", "f_path.dentry");
    assert_eq!(
        kernel_text(&machine, get(dentry, "dentry", "d_name.name")),
        "make"
    );
    let above = get(dentry, "dentry", "d_parent");
    assert_eq!(
        kernel_text(&machine, get(above, "dentry", "d_name.name")),
        "bin"
    );
}

#[test]
fn task_struct_leads_to_its_parents_and_keeps_its_place() {
    let machine = machine();
    let (_, passage) = stop_at(&Event::execve("/bin/ls"), "raw_tp sys_exit");
    let mut scene = Scene::new(&machine, None, &passage);
    let before = scene.task_struct(&Task::default()).unwrap();
    let now = scene.task_struct(passage.task()).unwrap();
    assert_eq!(before, now);
    let get = |at, path: &str| member(&machine, at, "task_struct", path);
    let pids: Vec<u64> = std::iter::successors(Some(now.0), |at| Some(get(*at, "real_parent")))
        .take(5)
        .map(|at| get(at, "tgid"))
        .collect();
    assert_eq!(pids, [1234, 1000, 1, 0, 0]);
    let comm = crate::btf::kernel_6_12();
    let id = comm.find("task_struct", KindFilter::STRUCT).unwrap();
    let place = comm.member_path(id, "comm").unwrap().bit_offset / 8;
    assert_eq!(kernel_text(&machine, now.0 + place), "ls");
    let (mask, count) = (get(now.0, "cpus_ptr"), get(now.0, "nr_cpus_allowed"));
    assert_eq!(word(&machine, mask, 0), (1 << count) - 1);
    assert_eq!(count as u32, machine.cpus.count());
}

#[test]
fn function_that_returns_a_structure_returns_its_address() {
    let machine = machine();
    let (stop, passage) = stop_at(&Event::execve("/bin/ls"), "return alloc_bprm");
    let mut scene = Scene::new(&machine, None, &passage);
    let context = scene
        .context(&stop, &attached("fexit/alloc_bprm"), passage.task())
        .unwrap();
    assert_eq!((context.func_args, context.returned), (3, Returned::Yes));
    let bprm = word(&machine, context.addr.0, 24);
    assert_eq!(
        kernel_text(&machine, member(&machine, bprm, "linux_binprm", "filename")),
        "/bin/ls"
    );
}

#[test]
fn scene_frees_what_it_made() {
    let machine = machine();
    let (stop, passage) = stop_at(&Event::execve("/bin/ls"), "lsm bprm_check_security");
    let mut scene = Scene::new(&machine, None, &passage);
    let context = scene
        .context(&stop, &attached("lsm/bprm_check_security"), passage.task())
        .unwrap();
    assert!(machine.memory.peek_vec(context.addr, 8).is_ok());
    drop(scene);
    assert!(machine.memory.peek_vec(context.addr, 8).is_err());
}

#[test]
fn sections_run_where_they_should_and_nowhere_else() {
    let event = Event::execve("/bin/ls");
    let places = |section: &str| {
        let attachment = attached(section);
        let passage = event.passage(&task()).unwrap();
        let here = passage
            .points()
            .filter(|point| attachment.runs_at(point, Named::No));
        here.map(ToString::to_string).collect::<Vec<_>>()
    };
    for (section, wanted) in [
        ("kprobe/__x64_sys_execve", "entry __x64_sys_execve"),
        ("kprobe/sys_execve", "entry __x64_sys_execve"),
        (
            "kprobe/do_execveat_common.isra.0",
            "entry do_execveat_common",
        ),
        ("kprobe.multi/__x64_sys_exec*", "entry __x64_sys_execve"),
        ("kprobe.multi/b?rm_*", "entry bprm_execve"),
        ("kretprobe/bprm_execve", "return bprm_execve"),
        ("ksyscall/execve", "entry __x64_sys_execve"),
        ("kretsyscall/execve", "return __x64_sys_execve"),
        ("fentry/bprm_execve", "entry bprm_execve"),
        ("fexit/bprm_execve", "return bprm_execve"),
        ("tp_btf/sched_process_exec", "raw_tp sched_process_exec"),
        ("raw_tp/sys_enter", "raw_tp sys_enter"),
        (
            "tp/sched/sched_process_exec",
            "tracepoint sched/sched_process_exec",
        ),
        ("lsm/bprm_check_security", "lsm bprm_check_security"),
    ] {
        assert_eq!(places(section), [wanted], "{section}");
    }
    for section in [
        "kprobe/do_unlinkat",
        "kprobe",
        "ksyscall/openat",
        "tp/sched/sched_switch",
        "xdp",
        "uprobe//bin/ls:main",
    ] {
        assert_eq!(places(section), [""; 0], "{section}");
    }
}

#[test]
fn program_without_a_target_runs_where_an_event_names_a_hook() {
    let attachment = attached("kprobe");
    let entry = Point::Entry(Function::plain("do_unlinkat"));
    assert!(attachment.runs_at(&entry, Named::Yes) && !attachment.runs_at(&entry, Named::No));
    assert!(!attachment.runs_at(&Point::Xdp, Named::Yes));
}

#[test]
fn needs_name_an_event_that_reaches_the_program() {
    for section in [
        "kprobe/__x64_sys_openat",
        "kprobe/do_nanosleep",
        "kretprobe/vfs_statx",
        "ksyscall/unlinkat",
        "tp/syscalls/sys_enter_newstat",
        "tp/sched/sched_switch",
        "tp/sched/sched_process_fork",
        "raw_tp/sched_process_exit",
        "raw_tp/sched_wakeup",
        "tp_btf/task_newtask",
        "fentry/vfs_read",
        "lsm/file_open",
        "lsm/bprm_creds_for_exec",
        "lsm/inode_rename",
    ] {
        let attachment = attached(section);
        let needs = attachment.needs();
        let name = needs.strip_prefix("--event ").unwrap();
        let passage = Event::parse::<&str, &str>(name, &[])
            .unwrap()
            .passage(&task())
            .unwrap();
        assert!(
            passage
                .points()
                .any(|point| attachment.runs_at(point, passage.named())),
            "{section}: {needs}"
        );
    }
}

#[test]
fn parse_tells_events_and_arguments_that_there_are() {
    let error =
        |name: &str, args: &[(&str, &str)]| Event::parse(name, args).unwrap_err().to_string();
    assert!(error("exceve", &[]).starts_with("no event is called `exceve`; known are execve, "));
    assert_eq!(
        error("execve", &[("file", "x")]),
        "event execve has no argument `file`; it takes filename, argv0 to argv9"
    );
    assert_eq!(
        error("openat", &[("path", "x")]),
        "event openat has no argument `path`; it takes dfd, filename, flags, mode, ret"
    );
    assert_eq!(
        error("openat", &[("flags", "x")]),
        "argument flags of event openat wants a number, not `x`"
    );
    assert!(error("kprobe:", &[]).starts_with("no event is called"));
    assert!(error("sched_switch", &[("pid", "1")]).contains("prev_pid"));
}

#[test]
fn parse_reads_what_execve_is_told() {
    let event = Event::parse(
        "execve",
        &[
            ("filename", "/bin/cat"),
            ("argv2", "b"),
            ("argv0", "kitten"),
        ],
    )
    .unwrap();
    let argv = ["kitten", "", "b"].map(str::to_owned).to_vec();
    assert_eq!(
        event,
        Event::Execve(Execve {
            filename: "/bin/cat".to_owned(),
            argv,
            envp: Vec::new()
        })
    );
}

#[test]
fn named_hook_refuses_an_argument_that_it_does_not_have() {
    let machine = machine();
    let context = |args: &[(&str, &str)]| {
        let event = Event::parse("lsm:file_ioctl", args).unwrap();
        let (stop, passage) = stop_at(&event, "lsm file_ioctl");
        let mut scene = Scene::new(&machine, None, &passage);
        let context = scene.context(&stop, &attached("lsm/file_ioctl"), passage.task())?;
        Ok::<_, EventError>(word(&machine, context.addr.0, 8))
    };
    assert_eq!(context(&[("cmd", "0x5401")]), Ok(0x5401));
    assert!(
        context(&[("command", "1")])
            .unwrap_err()
            .to_string()
            .ends_with("cmd, file, filename, ret")
    );
}

#[test]
fn sched_switch_goes_from_the_current_task_to_another() {
    let machine = machine();
    let event = Event::parse("sched_switch", &[("next_pid", "1000")]).unwrap();
    let (stop, passage) = stop_at(&event, "raw_tp sched_switch");
    let mut scene = Scene::new(&machine, None, &passage);
    let args = scene
        .context(&stop, &attached("tp_btf/sched_switch"), passage.task())
        .unwrap()
        .addr
        .0;
    let pids = [8, 16].map(|off| member(&machine, word(&machine, args, off), "task_struct", "pid"));
    assert_eq!(pids, [1234, 1000]);
}

#[test]
fn exit_group_never_returns() {
    let event = Event::syscall("exit_group", &[]);
    let way = way(&event);
    assert_eq!(
        way.last().map(String::as_str),
        Some("tracepoint sched/sched_process_exit")
    );
    assert_eq!(event.passage(&task()).unwrap().result(), None);
}

#[test]
fn packet_passes_its_hooks_by_direction_and_stops_when_dropped() {
    let event = Event::packet([0; 60]);
    assert_eq!(
        way(&event),
        ["xdp", "socket", "tc ingress", "cgroup_skb ingress"]
    );
    let (stop, mut passage) = stop_at(&event, "xdp");
    let answer = |r0| stop.answer(&Attachment::Xdp, ProgType::Xdp, r0, &Default::default());
    assert_eq!((answer(2), answer(1)), (Answer::Continue, Answer::End(1)));
    passage.answer(answer(1));
    assert!(passage.advance().is_none());
}

#[test]
fn verdicts_have_the_kernels_names() {
    assert_eq!(
        [1, 2, 9].map(|r0| verdict_name(ProgType::Xdp, r0)),
        [
            Some("XDP_DROP"),
            Some("XDP_PASS"),
            Some("an invalid verdict")
        ]
    );
    let tc = [0xffff_ffff, 0, 2, 7, 9].map(|r0| verdict_name(ProgType::SchedCls, r0));
    assert_eq!(
        tc,
        [
            Some("TC_ACT_UNSPEC"),
            Some("TC_ACT_OK"),
            Some("TC_ACT_SHOT"),
            Some("TC_ACT_REDIRECT"),
            None
        ]
    );
    assert_eq!(verdict_name(ProgType::Kprobe, 0), None);
}

#[test]
fn packet_keeps_bytes_and_fields_from_hook_to_hook() {
    let machine = machine();
    let bytes: Vec<u8> = (0..60).collect();
    let event = Event::packet(bytes.clone());
    let passage = event.passage(&task()).unwrap();
    let mut scene = Scene::new(&machine, None, &passage);
    let mut context = |point: &str, section: &str| {
        let (stop, passage) = stop_at(&event, point);
        scene
            .context(&stop, &attached(section), passage.task())
            .unwrap()
            .addr
    };
    let range = |ctx: Addr, from: u32, to: u32| {
        let (data, end) = (word(&machine, ctx.0, from), word(&machine, ctx.0, to));
        machine
            .memory
            .read_vec(Addr(data), u32::try_from(end - data).unwrap())
            .unwrap()
    };
    let xdp = context("xdp", "xdp");
    assert_eq!(range(xdp, guest::XDP_DATA, guest::XDP_DATA_END), bytes);
    let data = word(&machine, xdp.0, guest::XDP_DATA);
    machine.memory.store(Addr(data), Size::B, 0xee).unwrap();

    let tc = context("tc ingress", "tc");
    assert_eq!(
        range(tc, guest::SKB_DATA, guest::SKB_DATA_END)[..2],
        [0xee, 1]
    );
    let mark = 8;
    machine.memory.store(tc.offset(mark), Size::W, 7).unwrap();

    let cgroup = context("cgroup_skb ingress", "cgroup_skb/ingress");
    assert_eq!(
        range(cgroup, guest::SKB_DATA, guest::SKB_DATA_END),
        bytes[14..]
    );
    let field = |off| {
        machine
            .memory
            .peek_uint(cgroup.offset(off), Size::W)
            .unwrap()
    };
    assert_eq!((field(0), field(mark), field(40)), (46, 7, 1));
    assert_eq!(
        scene.packet_bytes().map(|bytes| (bytes.len(), bytes[0])),
        Some((60, 0xee))
    );
}

#[test]
fn packet_shorter_than_its_header_is_refused() {
    let machine = machine();
    let (stop, passage) = stop_at(&Event::packet([0; 13]), "xdp");
    let mut scene = Scene::new(&machine, None, &passage);
    let error = scene
        .context(&stop, &Attachment::Xdp, passage.task())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "packet of 13 bytes is too short: at least 14 are needed"
    );
}
