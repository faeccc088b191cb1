//! What objects of the corpus and programs made here ask for.

use super::*;
use crate::abi::{AttachType, ProgType};
use crate::isa::RawInsn;

fn of_corpus(name: &str) -> Requirements {
    let path = format!("{}/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the object is there");
    let object = Object::parse(name, &bytes).expect("the object is valid");
    Requirements::of(&object, &LinkOptions::default())
}

fn find<'a>(requirements: &'a Requirements, name: &str) -> &'a Requirement {
    let mut all = requirements.all.iter();
    let found = all.find(|requirement| requirement.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among {:#?}", requirements.all))
}

/// What a program of these instructions asks for, by name.
fn of_code(code: &[(u8, u8, u8, i16, i32)]) -> Vec<String> {
    let insn = |&(opcode, dst, src, off, imm): &(u8, u8, u8, i16, i32)| RawInsn {
        opcode,
        dst,
        src,
        off,
        imm,
    };
    let code = code.iter().map(insn).collect();
    let program = Program::from_raw("test", ProgType::SocketFilter, code);
    let mut found = Found::default();
    code::program(&program, None, &mut found);
    let names = found.sorted().into_iter().map(|found| found.name);
    names.filter(|name| name != "socket_filter").collect()
}

const EXIT: (u8, u8, u8, i16, i32) = (0x95, 0, 0, 0, 0);

#[test]
fn minimum_is_the_release_of_the_last_thing_that_is_needed() {
    let ringbuf = of_corpus("ringbuf_events.o");
    let last = ringbuf.minimum().expect("it needs something");
    assert_eq!(last.since, Version::new(5, 8));
    let map = find(&ringbuf, "ringbuf");
    assert_eq!(
        (map.kind, &map.place),
        (Kind::MapType, &Place::Map("events".to_owned()))
    );
    let helper = find(&ringbuf, "bpf_ringbuf_reserve");
    let Place::Instruction {
        program, source, ..
    } = &helper.place
    else {
        panic!("{:?}", helper.place);
    };
    assert_eq!(program, "ringbuf_reserve");
    assert!(
        source
            .as_ref()
            .is_some_and(|(file, _)| file.ends_with("ringbuf_events.bpf.c"))
    );
}

#[test]
fn what_the_loader_replaces_does_not_count() {
    let core = of_corpus("core_read.o");
    let read = find(&core, "bpf_probe_read_kernel");
    assert_eq!(
        (read.strength, read.since),
        (Strength::Adapted, Version::new(5, 5))
    );
    let last = core.minimum().expect("it needs something");
    assert_eq!(
        (last.name.as_str(), last.since),
        ("types of the kernel (CO-RE)", Version::new(5, 4))
    );
}

#[test]
fn callbacks_and_functions_are_found() {
    let callbacks = of_corpus("callbacks.o");
    assert_eq!(find(&callbacks, "bpf_loop").since, Version::new(5, 17));
    assert_eq!(find(&callbacks, "callbacks").uses, 2);
    assert_eq!(find(&callbacks, "functions").since, Version::new(4, 16));
    assert_eq!(
        find(&of_corpus("bounded_loop.o"), "loops").since,
        Version::new(5, 3)
    );
}

#[test]
fn instructions_ask_for_what_brought_them() {
    let cases: [(&[_], &[&str]); 9] = [
        (&[(0xb7, 0, 0, 0, 0)], &[]),
        (&[(0x37, 0, 0, 1, 3)], &["v4 instructions"]),
        (&[(0xbf, 0, 1, 8, 0)], &["v4 instructions"]),
        (&[(0xd7, 0, 0, 0, 16)], &["v4 instructions"]),
        (&[(0x16, 0, 0, 0, 0)], &["jumps on 32 bits (v3)"]),
        (&[(0xa5, 0, 0, 0, 0)], &["jumps on less than (v2)"]),
        (&[(0xdb, 10, 0, -8, 0)], &[]),
        (&[(0xdb, 10, 0, -8, 1)], &["atomic operations"]),
        (&[(0x05, 0, 0, -1, 0)], &["loops"]),
    ];
    for (code, want) in cases {
        let code: Vec<_> = code.iter().copied().chain([EXIT]).collect();
        assert_eq!(of_code(&code), want, "{code:?}");
    }
}

#[test]
fn large_program_needs_the_kernel_that_takes_it() {
    let mut code = vec![(0xb7, 0, 0, 0, 0); 4096];
    code.push(EXIT);
    assert_eq!(of_code(&code), ["more than 4096 instructions"]);
    code.remove(0);
    assert_eq!(of_code(&code), [""; 0]);
}

#[test]
fn attachment_that_came_after_its_program_type_is_needed_where_there_is_no_other() {
    let with = |section: &str, prog_type, attach_type| {
        let mut program = Program::from_raw("test", prog_type, Vec::new());
        program.section = section.to_owned();
        program.attach_type = Some(attach_type);
        let mut found = Found::default();
        code::program(&program, None, &mut found);
        let requirements = Requirements {
            all: found.sorted(),
            unknown: Vec::new(),
        };
        requirements.minimum().map(|last| last.since)
    };
    let tcx = AttachType::TcxIngress;
    assert_eq!(
        with("tcx/ingress", ProgType::SchedCls, tcx),
        Some(Version::new(6, 6))
    );
    assert_eq!(
        with("tc/ingress", ProgType::SchedCls, tcx),
        Some(Version::new(4, 1))
    );
    assert_eq!(
        with("xdp", ProgType::Xdp, AttachType::Xdp),
        Some(Version::new(4, 8))
    );
}

#[test]
fn releases_of_map_types_never_fall_along_the_numbers() {
    let releases: Vec<Version> = crate::abi::MapType::all()
        .map(crate::abi::MapType::since)
        .collect();
    assert_eq!(releases.len(), 33);
    assert!(releases.is_sorted(), "{releases:?}");
}

fn of_test_object(name: &str) -> Requirements {
    let path = format!("{}/src/object/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the object is there");
    let object = Object::parse(name, &bytes).expect("the object is valid");
    Requirements::of(&object, &LinkOptions::default())
}

#[test]
fn externs_are_listed_whether_the_modelled_kernel_has_them_or_not() {
    let externs = of_test_object("externs.o");
    let cases = [
        ("bpf_rcu_read_lock", Kind::Kfunc, Strength::Needed),
        ("bpf_missing_kfunc", Kind::Kfunc, Strength::Adapted),
        ("bpf_prog_active", Kind::Ksym, Strength::Needed),
        ("missing_variable", Kind::Ksym, Strength::Adapted),
        ("schedule", Kind::Ksym, Strength::Needed),
        ("CONFIG_HZ", Kind::Config, Strength::Needed),
        ("CONFIG_MISSING", Kind::Config, Strength::Adapted),
    ];
    for (name, kind, strength) in cases {
        let found = find(&externs, name);
        assert_eq!((found.kind, found.strength), (kind, strength), "{name}");
    }
    let mut all = externs.all.iter();
    assert!(all.all(|found| found.name != "LINUX_KERNEL_VERSION"));
    let strong = of_test_object("strong.o");
    assert_eq!(strong.unknown, []);
    assert_eq!(find(&strong, "no_such_kfunc").since, Version::new(5, 13));
}

#[test]
fn releases_of_helpers_never_fall_along_the_numbers() {
    let releases = crate::abi::helpers::all().map(|helper| (helper.since, helper.name));
    let releases: Vec<(Version, &str)> = releases.collect();
    let fallen: Vec<_> = releases
        .windows(2)
        .filter(|pair| pair[0].0 > pair[1].0)
        .collect();
    assert!(fallen.is_empty(), "{fallen:?}");
}
