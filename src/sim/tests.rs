//! Tests of the front door: what is refused, what is not reached, what is asked for wrongly.

use super::*;
use crate::abi::{AttachType, ProgType};
use crate::events::Event;
use crate::isa::asm::{NoSymbols, assemble};
use crate::isa::encode_program;
use crate::object::Program;

fn sim() -> Sim {
    Sim::new(Options::default()).unwrap()
}

fn corpus(name: &str) -> String {
    format!("{}/corpus/{name}.o", env!("CARGO_MANIFEST_DIR"))
}

fn program(name: &str, prog_type: ProgType, text: &str) -> Program {
    let assembly = assemble(text, &NoSymbols).unwrap();
    Program::from_raw(name, prog_type, encode_program(&assembly.insns))
}

fn lsm(name: &str, text: &str) -> Program {
    Program {
        attach_type: Some(AttachType::LsmMac),
        attach_target: Some("bprm_check_security".to_owned()),
        ..program(name, ProgType::Lsm, text)
    }
}

#[test]
fn refused_program_is_reported_and_does_not_run() {
    let mut sim = sim();
    let load = sim.load_file(corpus("reject_uninit_register")).unwrap();
    let refusal = load.programs[0].verdict.refusal().unwrap();
    assert!(matches!(refusal, Refusal::Rejected(_)), "{refusal}");
    assert_eq!(load.programs[0].id, None);
    assert_eq!(sim.unreached(), []);
    assert_eq!(
        sim.fire(&Event::execve("/bin/ls")).unwrap().runs().count(),
        0
    );
}

#[test]
fn unverified_program_runs_and_traps_where_it_errs() {
    let mut sim = Sim::new(Options {
        verify: Verify::Never,
        ..Options::default()
    })
    .unwrap();
    let load = sim.load_program(program(
        "wild",
        ProgType::Xdp,
        "r1 = 64\nr0 = *(u64 *)(r1 + 0)\nexit",
    ));
    assert!(matches!(
        load.programs[0].verdict,
        Verdict::Unverified { .. }
    ));
    let firing = sim.fire(&Event::packet([0; 60])).unwrap();
    assert_eq!(
        firing.trap().unwrap().to_string(),
        "instruction 1 of wild: read of 8 bytes at 0x40: null pointer"
    );
    assert_eq!(firing.hooks.len(), 4, "a trap drops nothing");
}

#[test]
fn prepared_program_sees_each_packet_afresh() {
    let mut sim = sim();
    let text = "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr0 = 0\nr4 = r2\nr4 += 15\nif r4 > r3 goto +1\n\
                r0 = *(u8 *)(r2 + 14)\nexit";
    let load = sim.load_program(program("first", ProgType::Xdp, text));
    let id = load.programs[0].id.unwrap();
    let mut prepared = sim.prepare(id, &Event::packet([9; 60])).unwrap().unwrap();
    let on = |prepared: &mut Prepared<'_>, packet: &[u8]| {
        prepared.arrive(packet).unwrap();
        let r0 = prepared.run().result.unwrap();
        (r0, prepared.verdict(r0), prepared.packet().unwrap().len())
    };
    assert_eq!(prepared.run().result.unwrap(), 9);
    assert_eq!(on(&mut prepared, &[2; 100]), (2, Some("XDP_PASS"), 100));
    assert_eq!(on(&mut prepared, &[1; 14]), (0, Some("XDP_ABORTED"), 14));
    assert_eq!(on(&mut prepared, &[3; 15]), (3, Some("XDP_TX"), 15));
    assert!(prepared.arrive(&[0; 13]).is_err());
    assert_eq!(prepared.run().result.unwrap(), 3, "the last one stays");
}

#[test]
fn prepared_socket_buffer_is_made_anew_for_each_packet() {
    let mut sim = sim();
    let text = "r0 = *(u32 *)(r1 + 0)\nr2 = *(u32 *)(r1 + 8)\n*(u32 *)(r1 + 8) = 7\nr0 += r2\nexit";
    let load = sim.load_program(program("mark", ProgType::SchedCls, text));
    let id = load.programs[0].id.unwrap();
    let mut prepared = sim.prepare(id, &Event::packet([0; 60])).unwrap().unwrap();
    let r0 = |outcome: crate::code::Outcome| outcome.result.unwrap();
    assert_eq!(r0(prepared.run()), 60);
    assert_eq!(
        r0(prepared.run()),
        67,
        "a second run sees the first one's mark"
    );
    prepared.arrive(&[0; 100]).unwrap();
    assert_eq!(r0(prepared.run()), 100);
}

#[test]
fn program_that_an_event_does_not_reach_is_not_prepared() {
    let mut sim = sim();
    let load = sim.load_program(lsm("allow", "r0 = 0\nexit"));
    let id = load.programs[0].id.unwrap();
    assert!(sim.prepare(id, &Event::packet([0; 60])).unwrap().is_none());
    let mut prepared = sim.prepare(id, &Event::execve("/bin/ls")).unwrap().unwrap();
    assert_eq!(prepared.run().result.unwrap(), 0);
    assert!(prepared.arrive(&[0; 60]).is_err());
}

#[test]
fn loop_without_an_end_runs_out_of_fuel() {
    let options = Options {
        verify: Verify::Never,
        fuel: 1000,
        ..Options::default()
    };
    let mut sim = Sim::new(options).unwrap();
    sim.load_program(program("round", ProgType::Xdp, "r0 = 0\ngoto pc-1\nexit"));
    let firing = sim.fire(&Event::packet([0; 60])).unwrap();
    assert!(
        firing
            .trap()
            .unwrap()
            .to_string()
            .ends_with("out of fuel after 1000 instructions")
    );
}

#[test]
fn first_denial_is_the_last_word() {
    let mut sim = sim();
    sim.load_program(lsm("allow", "r0 = 0\nexit"));
    sim.load_program(lsm("deny", "r0 = -13\nexit"));
    sim.load_program(lsm("late", "r0 = -1\nexit"));
    let firing = sim.fire(&Event::execve("/bin/ls")).unwrap();
    let names: Vec<_> = firing.runs().map(|run| run.name.to_string()).collect();
    assert_eq!(
        (names, firing.result),
        (vec!["allow".to_owned(), "deny".to_owned()], Some(-13))
    );
    let left: Vec<_> = sim
        .unreached()
        .into_iter()
        .map(|program| program.name)
        .collect();
    assert_eq!(left, ["late"]);
}

#[test]
fn unreached_programs_name_their_event_until_it_happens() {
    let mut sim = sim();
    sim.load_file(corpus("hello")).unwrap();
    sim.load_file(corpus("xdp_count")).unwrap();
    let needs = |sim: &Sim| {
        sim.unreached()
            .into_iter()
            .map(|program| program.needs)
            .collect::<Vec<_>>()
    };
    assert_eq!(needs(&sim), ["--event execve", "a packet: --data FILE"]);
    sim.fire(&Event::execve("/bin/ls")).unwrap();
    assert_eq!(needs(&sim), ["a packet: --data FILE"]);
}

#[test]
fn map_and_variable_of_another_name_are_unknown() {
    let mut sim = sim();
    sim.load_file(corpus("globals")).unwrap();
    assert_eq!(
        sim.map("count").unwrap_err().to_string(),
        "no map is called `count`; there are: globals.rodata, globals.data, globals.bss"
    );
    assert!(
        sim.global("sean")
            .unwrap_err()
            .to_string()
            .contains("skipped")
    );
    assert_eq!(sim.map(".bss").unwrap().spec().name, "globals.bss");
}

#[test]
fn variables_can_be_set_but_for_constants() {
    let mut sim = sim();
    sim.load_file(corpus("globals")).unwrap();
    sim.set_global("next_number", &41u64.to_le_bytes()).unwrap();
    sim.fire(&Event::execve("/bin/ls")).unwrap();
    assert_eq!(sim.global("next_number").unwrap(), 42u64.to_le_bytes());
    let size = sim.set_global("next_number", &[0; 4]).unwrap_err();
    assert_eq!(size.to_string(), "value of next_number has 8 bytes, not 4");
    let frozen = sim.set_global("only_uid", &[0; 4]).unwrap_err();
    assert!(matches!(frozen, InspectError::Refused { .. }), "{frozen}");
}

#[test]
fn user_space_changes_what_programs_count_on() {
    let mut sim = sim();
    sim.load_file(corpus("count_by_uid")).unwrap();
    let key = 1000u32.to_le_bytes();
    let counts = sim.map("counts").unwrap();
    counts.update(&key, &7u64.to_le_bytes()).unwrap();
    assert!(counts.update(&key[..2], &[0; 8]).is_err());
    sim.fire(&Event::execve("/bin/ls")).unwrap();
    let counts = sim.map("counts").unwrap();
    assert_eq!(counts.number(1000), Some(8));
    counts.delete(&key).unwrap();
    assert_eq!(counts.number(1000), None);
}

#[test]
fn file_that_is_no_object_is_refused_by_name() {
    let error = sim().load_bytes("notes.txt", b"not an object").unwrap_err();
    assert!(error.to_string().starts_with("notes.txt: "), "{error}");
    assert!(
        sim()
            .load_file("/no/such/file.o")
            .unwrap_err()
            .to_string()
            .starts_with("cannot read /no/such/file.o")
    );
}

#[test]
fn parent_that_nobody_knows_is_made() {
    let task = Task {
        pid: 77,
        tgid: 77,
        ppid: 70,
        ..Task::default()
    };
    let sim = Sim::new(Options {
        task,
        ..Options::default()
    })
    .unwrap();
    assert_eq!(
        sim.machine().tasks.get(70).map(|parent| parent.ppid),
        Some(1)
    );
}

#[test]
fn pinned_map_of_two_objects_is_one_map() {
    let bytes = include_bytes!("../object/testdata/pinned.o");
    let mut sim = Sim::new(Options::default()).unwrap();
    let first = sim.load_bytes("first.o", bytes).unwrap();
    let second = sim.load_bytes("second.o", bytes).unwrap();
    let maps = first.object.as_ref().unwrap().maps();
    assert_eq!(first.maps.len(), maps.len());
    for ((spec, first), second) in maps.iter().zip(&first.maps).zip(&second.maps) {
        let shared = spec.pinning == crate::object::Pinning::ByName;
        assert_eq!(first == second, shared, "{}", spec.name);
    }
}
