//! Tests of section names.

use super::*;

#[test]
fn definitions_are_reachable_by_their_own_names() {
    for definition in table::DEFINITIONS {
        let found = parse(definition.name).unwrap();
        assert_eq!(found.prog_type, definition.prog_type, "{}", definition.name);
        assert_eq!(
            found.attach_type, definition.attach_type,
            "{}",
            definition.name
        );
        assert_eq!(found.sleepable, definition.sleepable, "{}", definition.name);
        assert_eq!(found.attach_target, None, "{}", definition.name);
    }
}

#[test]
fn exact_definitions_refuse_suffixes() {
    for name in [
        "xdp/foo",
        "xdp_prog",
        "tc/other",
        "cgroup/skb/1",
        "socket1",
        "syscall/x",
        "perf_event/x",
    ] {
        assert_eq!(parse(name), None, "{name}");
    }
}

#[test]
fn prefix_definitions_take_a_target_only_after_a_slash() {
    let found = parse("kprobe/do_unlinkat").unwrap();
    assert_eq!(found.attach_target, Some("do_unlinkat"));
    assert_eq!(found.kind, SectionKind::Kprobe);
    assert_eq!(parse("kprobe").unwrap().attach_target, None);
    assert_eq!(parse("kprobes/x"), None);
    assert_eq!(
        parse("tp/sched/sched_switch").unwrap().attach_target,
        Some("sched/sched_switch")
    );
}

#[test]
fn question_mark_turns_autoload_off() {
    let found = parse("?xdp").unwrap();
    assert!(!found.autoload);
    assert_eq!(found.prog_type, ProgType::Xdp);
    assert!(parse("xdp").unwrap().autoload);
    assert_eq!(parse("??xdp"), None);
}

#[test]
fn btf_sections_name_what_to_look_up() {
    let name = |section| parse(section).unwrap().btf_name();
    assert_eq!(
        name("tp_btf/sched_switch").as_deref(),
        Some("btf_trace_sched_switch")
    );
    assert_eq!(
        name("lsm.s/file_open").as_deref(),
        Some("bpf_lsm_file_open")
    );
    assert_eq!(name("fentry/vfs_read").as_deref(), Some("vfs_read"));
    assert_eq!(name("iter/task").as_deref(), Some("bpf_iter_task"));
    assert_eq!(name("freplace/handler"), None);
    assert!(parse("lsm").unwrap().lacks_target());
    assert!(parse("fexit/").unwrap().lacks_target());
    assert!(parse("freplace").unwrap().lacks_target());
    assert!(!parse("kprobe").unwrap().lacks_target());
    assert!(!parse("freplace/handler").unwrap().lacks_target());
}

#[test]
fn load_flags_follow_the_name() {
    let flags = |section| parse(section).unwrap().load_flags();
    assert_eq!(flags("xdp"), 0);
    assert_eq!(flags("xdp.frags/cpumap"), 0x20);
    assert_eq!(flags("lsm.s/bprm_check_security"), 0x10);
    assert_eq!(flags("uprobe.multi.s/x:y"), 0x10);
    assert_eq!(flags("syscall"), 0x10);
}

#[test]
fn sections_of_no_program_are_not_matched() {
    for name in [
        "", "?", ".text", "license", ".maps", ".rodata", "maps", "version", "/", "+",
    ] {
        assert_eq!(parse(name), None, "{name}");
    }
}

#[test]
fn targets_are_split_into_their_parts() {
    assert_eq!(tracepoint_target("a/b"), Some(("a", "b")));
    assert_eq!(tracepoint_target("a"), None);
    assert_eq!(kprobe_target("f"), Some(("f", 0)));
    assert_eq!(kprobe_target("f.isra.0+0x10"), Some(("f.isra.0", 16)));
    assert_eq!(kprobe_target("f+"), None);
    assert_eq!(kprobe_target("a b"), None);
    assert_eq!(
        uprobe_target("/bin/bash:readline+8"),
        Some(("/bin/bash", "readline", 8))
    );
    assert_eq!(uprobe_target("/bin/bash"), None);
    assert_eq!(usdt_target("/x:a:b"), Some(("/x", "a", "b")));
    assert_eq!(usdt_target("/x:a"), None);
}
