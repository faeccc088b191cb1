//! What came of events, asked in the words of the cases; and the events.

use std::ops::Range;
use std::path::PathBuf;

use ebpf_sim::events::{Direction, Event};
use ebpf_sim::sim::{Firing, Options, Sim};

use crate::cases::Case;

/// What a case looks at: the machine, and what came of each event.
pub(crate) struct Seen {
    pub(crate) sim: Sim,
    pub(crate) firings: Vec<Firing>,
}

impl Seen {
    /// Of which numbers the map says that what they stand for holds: of these alone.
    pub(crate) fn holds<const N: usize>(&self, wanted: [Range<u32>; N]) {
        let entries = self.sim.map("right").unwrap().entries();
        let keys = entries
            .iter()
            .map(|entry| entry.key.as_slice().try_into().unwrap());
        let mut held: Vec<u32> = keys.map(u32::from_le_bytes).collect();
        held.sort_unstable();
        let wanted: Vec<u32> = wanted.into_iter().flatten().collect();
        assert_eq!(held, wanted);
    }

    /// What the map of answers begins with; the rest is zero.
    pub(crate) fn answers(&self, wanted: &[i64]) {
        self.array("answers", wanted);
    }

    /// What an array begins with; the rest is zero.
    pub(crate) fn array(&self, map: &str, wanted: &[i64]) {
        let answers = self.sim.map(map).unwrap().entries();
        let answers = answers.iter().map(|entry| entry.values[0].as_slice());
        let answers: Vec<i64> = answers
            .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let (first, rest) = answers.split_at(wanted.len());
        assert_eq!(first, wanted);
        assert!(rest.iter().all(|answer| *answer == 0), "{rest:?}");
    }

    /// Checks what was printed, line by line.
    #[track_caller]
    pub(crate) fn prints(&self, wanted: &[&str]) {
        let lines = self.sim.trace_lines();
        let texts: Vec<&str> = lines
            .iter()
            .map(|line| {
                line.split_once("bpf_trace_printk: ")
                    .map_or("", |(_, text)| text)
            })
            .collect();
        assert_eq!(texts, wanted);
    }

    pub(crate) fn number(&self, map: &str, key: u64) -> Option<u64> {
        self.sim.map(map).unwrap().number(key)
    }

    /// The values under a key as text, one for each CPU.
    pub(crate) fn values(&self, map: &str, key: &[u8]) -> Vec<String> {
        let entry = self.sim.map(map).unwrap().get(key).unwrap();
        entry
            .typed_values
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// A global variable as text.
    pub(crate) fn global(&self, name: &str) -> String {
        let value = self.sim.global_value(name).unwrap();
        value.unwrap().to_string()
    }

    /// What the runs of a program returned.
    pub(crate) fn returned(&self, program: &str) -> Vec<u64> {
        let runs = self.firings.iter().flat_map(Firing::runs);
        runs.filter(|run| &*run.name == program)
            .map(|run| run.outcome.clone().unwrap())
            .collect()
    }

    pub(crate) fn passed(&self, hook: &str) -> bool {
        self.firings
            .iter()
            .flat_map(|firing| &firing.hooks)
            .any(|passed| passed.hook == hook)
    }
}

pub(crate) fn run(case: &Case) -> Seen {
    let mut sim = Sim::new(Options {
        task: (case.task)(),
        ..Options::default()
    })
    .unwrap();
    sim.load_file(corpus(&format!("{}.o", case.object)))
        .unwrap();
    let firings = (case.events)()
        .iter()
        .map(|event| sim.fire(event).unwrap())
        .collect();
    Seen { sim, firings }
}

pub(crate) fn execve() -> Vec<Event> {
    vec![Event::execve("/bin/ls")]
}

pub(crate) fn syscall(name: &str) -> Vec<Event> {
    vec![Event::syscall(name, &[])]
}

/// A program is run by a system call, for itself.
pub(crate) fn called() -> Vec<Event> {
    vec![Event::parse::<&str, &str>("syscall", &[]).unwrap()]
}

pub(crate) fn packets(names: &[&str]) -> Vec<Event> {
    names
        .iter()
        .map(|name| Event::packet(packet(name)))
        .collect()
}

/// A packet that leaves the machine.
pub(crate) fn sent(name: &str) -> Event {
    let Event::Packet(mut event) = Event::packet(packet(name)) else {
        panic!("it is one")
    };
    event.direction = Direction::Egress;
    Event::Packet(event)
}

pub(crate) fn packet(name: &str) -> Vec<u8> {
    std::fs::read(corpus(&format!("packets/{name}.bin"))).unwrap()
}

pub(crate) fn corpus(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(file)
}

/// The event of that name, told nothing.
pub(crate) fn named(name: &str) -> Event {
    Event::parse::<&str, &str>(name, &[]).unwrap()
}

/// Calls of programs of the section `syscall`.
pub(crate) fn calls(programs: &[&str]) -> Vec<Event> {
    let call = |program: &&str| named(&format!("syscall:{program}"));
    programs.iter().map(call).collect()
}

/// Calls of operations of a structure, all told the same.
pub(crate) fn operations(map: &str, members: &[&str]) -> Vec<Event> {
    let args = [
        ("arg2", "3"),
        ("ack_sample.pkts_acked", "5"),
        ("sk.prior_cwnd", "100"),
    ];
    let call = |member: &&str| Event::parse(&format!("struct_ops:{map}.{member}"), &args).unwrap();
    members.iter().map(call).collect()
}
