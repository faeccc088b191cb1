//! Every accepted program of the corpus, run on the events that reach it, does what the comment at
//! its top says.
//!
//! A case is a row of [`cases::CASES`]: an object, what happens, and what must be seen afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod cases;
mod checks;
mod hooks;
mod seen;

use std::collections::BTreeSet;

use ebpf_sim::events::Event;
use ebpf_sim::sim::{Engine, Firing, Options, Sim};

use cases::CASES;
use seen::*;

#[test]
fn every_program_does_what_its_comment_says() {
    for case in CASES {
        println!("{}", case.object);
        let seen = run(case);
        let trap = seen.firings.iter().find_map(Firing::trap);
        assert!(trap.is_none(), "{}: {}", case.object, trap.unwrap());
        let refused = seen.sim.loads()[0]
            .programs
            .iter()
            .find_map(|program| program.verdict.refusal());
        assert!(refused.is_none(), "{}: {}", case.object, refused.unwrap());
        assert_eq!(seen.sim.unreached(), [], "{}", case.object);
        (case.check)(&seen);
    }
}

#[test]
fn every_accepted_object_has_a_case() {
    let files = std::fs::read_dir(corpus(""))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let objects: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        // What those answer stands in a list.
        .filter(|name| !name.starts_with("reject_") && !name.starts_with(answers::PREFIX))
        .filter(|name| name != hooks::OBJECT)
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.object.to_owned()).collect();
    assert_eq!(objects, cases);
}

#[test]
fn the_same_events_give_the_same_bytes() {
    for case in CASES {
        let (one, other) = (run(case), run(case));
        assert_eq!(one.sim.trace_lines(), other.sim.trace_lines());
        for (one, other) in one.sim.maps().iter().zip(other.sim.maps()) {
            assert_eq!(one.entries(), other.entries(), "{}", case.object);
            assert_eq!(one.records(), other.records(), "{}", case.object);
        }
        for (one, other) in one.firings.iter().zip(&other.firings) {
            assert_eq!(one.packet, other.packet, "{}", case.object);
            let insns = |firing: &Firing| firing.runs().map(|run| run.insns).collect::<Vec<_>>();
            assert_eq!(insns(one), insns(other), "{}", case.object);
        }
    }
}

#[test]
fn sockets_of_a_port_are_destroyed_and_no_others() {
    let mut sim = Sim::new(Options::default()).unwrap();
    sim.load_file(corpus("sock_destroy.o")).unwrap();
    for spec in [
        "tcp:10.0.0.1:8080",
        "tcp:[::1]:22",
        "udp:[::1]:8080",
        "udp:10.0.0.1:53",
    ] {
        sim.machine().open_socket(spec.parse().unwrap()).unwrap();
    }
    for name in ["iter:tcp", "iter:udp", "iter:tcp"] {
        assert!(sim.fire(&named(name)).unwrap().trap().is_none());
    }
    let global = |name| sim.global_value(name).unwrap().unwrap().to_string();
    assert_eq!([global("seen"), global("closed")], ["5", "2"]);
    let left = sim.machine().sockets.all().into_iter();
    let left: Vec<u16> = left.map(|one| one.spec.local.port()).collect();
    assert_eq!(left, [22, 53]);
}

#[test]
fn an_event_leaves_no_memory_behind() {
    let mut sim = Sim::new(Options::default()).unwrap();
    sim.load_file(corpus("lsm_deny.o")).unwrap();
    sim.load_file(corpus("tc_rewrite.o")).unwrap();
    let events = [execve(), packets(&["dns_query"])].concat();
    let used = |sim: &mut Sim| {
        // Freed objects wait in a quarantine of bounded size.
        (0..300).for_each(|_| {
            events
                .iter()
                .for_each(|event| drop(sim.fire(event).unwrap()))
        });
        sim.machine().memory.used()
    };
    let first = used(&mut sim);
    assert_eq!(used(&mut sim), first);
}

#[test]
fn variable_of_an_arena_that_somebody_sets_is_what_programs_see() {
    let mut sim = Sim::new(Options::default()).unwrap();
    sim.load_file(corpus("arena.o")).unwrap();
    sim.set_global("packets", &7u64.to_le_bytes()).unwrap();
    let firings = vec![sim.fire(&Event::packet(packet("udp"))).unwrap()];
    let seen = Seen { sim, firings };
    let answers = seen.sim.map("answers").unwrap();
    assert_eq!(answers.number(0), Some(7));
    assert_eq!(seen.global("packets"), "8");
}

/// The second sample is too short for a number, the third says to stop.
#[test]
fn sample_sent_to_a_user_ring_buffer_reaches_the_callback() {
    let engines = [
        Engine::Interpreter,
        #[cfg(feature = "jit")]
        Engine::Jit(ebpf_sim::jit::Counting::On),
    ];
    for engine in engines {
        let mut sim = Sim::new(Options {
            engine,
            ..Options::default()
        })
        .unwrap();
        sim.load_file(corpus("user_ring.o")).unwrap();
        let samples = sim.map("samples").unwrap();
        for sample in [&[5, 0, 0, 0, 9][..], &[7], &[0; 4], &[3, 0, 0, 0]] {
            samples.send(sample).unwrap();
        }
        let event = Event::packet(packet("udp"));
        let firings = vec![sim.fire(&event).unwrap()];
        let mut seen = Seen { sim, firings };
        seen.answers(&[-22, 3, 6 + 1, 5 + 1 + 4, 1]);
        seen.firings = vec![seen.sim.fire(&event).unwrap()];
        seen.answers(&[-22, 1, 4, 4]);
    }
}
