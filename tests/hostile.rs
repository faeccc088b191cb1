//! Broken objects: none panics, hangs or eats memory, whether judged or run unjudged.
//!
//! Each round changes a few bytes of a corpus object, in its code, its type information or what ELF
//! says of its sections, loads what is left, and fires an execve and a packet at it. The changes come from a fixed seed, so a failure
//! repeats; the message of a panic names the object and the round.

use std::path::Path;

use ebpf_sim::events::Event;
use ebpf_sim::machine::MemoryConfig;
use ebpf_sim::sim::{Options, Sim, Verify};

/// Instructions that a run may take.
const FUEL: u64 = 20_000;
/// Bytes of guest memory that an object may take.
const BUDGET: u64 = 64 << 20;

/// A small generator (splitmix64), for the same changes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("less than a usize")
    }
}

/// The objects of the corpus, but for the one whose only point is to take long to judge.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = std::fs::read_dir(folder).expect("there is a corpus");
    let mut objects: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "o"))
        .map(|path| {
            let name = path
                .file_name()
                .expect("a file has a name")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(path).expect("objects can be read"))
        })
        .filter(|(name, _)| name != "reject_too_complex.o")
        .collect();
    objects.sort();
    objects
}

/// An offset in an object, most often where its code lies: in the first sections after the header.
fn likely_in_code(random: &mut Random, len: usize) -> usize {
    let code_end = len.min(0x400);
    if random.below(4) > 0 {
        0x40 + random.below(code_end.saturating_sub(0x40))
    } else {
        random.below(len)
    }
}

/// What is changed of an object.
#[derive(Clone, Copy)]
enum Target {
    /// Its code, most often.
    Code,
    /// `.BTF` and `.BTF.ext`.
    Types,
    /// The ELF header and the headers of sections.
    Headers,
}

impl Target {
    /// How many objects are broken in a test.
    fn rounds(self) -> u64 {
        match self {
            Target::Code => 15_000,
            Target::Types | Target::Headers => 5_000,
        }
    }

    /// An offset in an object.
    fn pick(self, random: &mut Random, bytes: &[u8]) -> usize {
        match self {
            Target::Code => likely_in_code(random, bytes.len()),
            Target::Types => {
                let magic = |window: &[u8]| window == [0x9f, 0xeb, 1, 0];
                let mut starts = bytes.windows(4).enumerate();
                let first = starts.find(|(_, window)| magic(window));
                let start = first.map_or(0, |(at, _)| at);
                // Both headers are worth more than their share.
                let second = starts.find(|(_, window)| magic(window));
                match (random.below(8), second) {
                    (0, _) => start + random.below(24),
                    (1, Some((at, _))) => at + random.below(64),
                    _ => start + random.below(bytes.len() - start),
                }
            }
            Target::Headers if random.below(4) == 0 => random.below(64),
            Target::Headers => {
                let table = bytes.get(40..).and_then(|rest| rest.first_chunk());
                let table = table.map_or(0, |word| u64::from_le_bytes(*word));
                let table = usize::try_from(table).unwrap_or(0).min(bytes.len());
                table + random.below(bytes.len() - table)
            }
        }
    }
}

/// Changes a few bytes, or cuts the object short.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>, target: Target) {
    for _ in 0..=random.below(4) {
        let at = target.pick(random, bytes);
        let Some(byte) = bytes.get_mut(at) else {
            continue;
        };
        *byte = match random.below(4) {
            0 => *byte ^ (1 << random.below(8)),
            1 => byte.wrapping_add(1),
            2 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ => random.next().to_le_bytes()[0],
        };
    }
    if random.below(16) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
}

fn options(verify: Verify) -> Options {
    let memory = MemoryConfig {
        budget: BUDGET,
        ..MemoryConfig::default()
    };
    Options {
        verify,
        fuel: FUEL,
        memory,
        ..Options::default()
    }
}

/// Loads and runs one object; how many of its programs ran.
fn survive(name: &str, bytes: &[u8], verify: Verify) -> usize {
    let mut sim = Sim::new(options(verify)).expect("a machine can be made");
    if sim.load_bytes(name, bytes).is_err() {
        return 0;
    }
    let mut packet = vec![0; 64];
    packet[12] = 8;
    packet[14] = 0x45;
    let events = [Event::execve("/bin/ls"), Event::packet(packet)];
    events
        .iter()
        .filter_map(|event| sim.fire(event).ok())
        .map(|firing| firing.runs().count())
        .sum()
}

fn survive_all(seed: u64, verify: Verify, target: Target) {
    let objects = corpus();
    let mut random = Random(seed);
    let mut ran: u64 = 0;
    for round in 0..target.rounds() {
        let (name, bytes) = &objects[random.below(objects.len())];
        let mut bytes = bytes.clone();
        mutate(&mut random, &mut bytes, target);
        let outcome = std::panic::catch_unwind(|| survive(name, &bytes, verify));
        ran += outcome.unwrap_or_else(|_| panic!("{name}, round {round} of seed {seed}")) as u64;
    }
    // Changes that always broke the file would test the loader alone.
    assert!(ran > target.rounds() / 20, "only {ran} programs ran");
}

#[test]
fn broken_objects_are_judged_and_run_without_a_panic() {
    survive_all(1, Verify::Always, Target::Code);
}

#[test]
fn broken_objects_run_unjudged_without_a_panic() {
    survive_all(2, Verify::Never, Target::Code);
}

#[test]
fn broken_types_are_read_and_judged_without_a_panic() {
    survive_all(3, Verify::Always, Target::Types);
}

#[test]
fn broken_sections_are_read_and_judged_without_a_panic() {
    survive_all(4, Verify::Always, Target::Headers);
}
