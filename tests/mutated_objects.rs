//! Objects of the corpus with bytes changed: whatever they are now, loading, judging and running
//! them ends, and never in a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ebpf_sim::events::Event;
use ebpf_sim::machine::MemoryConfig;
use ebpf_sim::sim::{Options, Sim, Verify};

const OBJECTS: u64 = 10_000;
const THREADS: u64 = 4;
/// Far more than it takes: a verdict that does not come is a failure too.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn mutated_objects_load_and_run_without_a_panic() {
    let start = Instant::now();
    let files = corpus();
    let loaded: u64 = thread::scope(|scope| {
        let files = &files;
        let workers: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || work(files, first, start)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert!(
        loaded > OBJECTS / 4,
        "only {loaded} of {OBJECTS} are still objects"
    );
}

/// Every `THREADS`th object from `first` on; how many of them could be loaded.
fn work(files: &[(String, Vec<u8>)], first: u64, start: Instant) -> u64 {
    let mut loaded = 0;
    for number in (first..OBJECTS).step_by(THREADS as usize) {
        let mut random = Random(number);
        let (name, bytes) = &files[random.below(files.len())];
        let bytes = mutate(bytes.clone(), &mut random);
        let verify = if number % 5 == 0 {
            Verify::Never
        } else {
            Verify::Always
        };
        loaded += u64::from(run(name, &bytes, verify));
        assert!(
            start.elapsed() < LIMIT,
            "{name} with seed {number} comes late"
        );
    }
    loaded
}

/// Loads and runs an object; whether it is one.
fn run(name: &str, bytes: &[u8], verify: Verify) -> bool {
    let memory = MemoryConfig {
        arena: 1 << 30,
        budget: 64 << 20,
        ..MemoryConfig::default()
    };
    let options = Options {
        verify,
        memory,
        fuel: 20_000,
        ..Options::default()
    };
    let mut sim = Sim::new(options).unwrap();
    let loaded = sim.load_bytes(name, bytes).is_ok();
    for event in [Event::execve("/bin/ls"), Event::packet([0x45; 80])] {
        let _told = sim.fire(&event);
    }
    for map in sim.maps() {
        let _shown = (map.entries().len(), map.records().len());
    }
    loaded
}

/// One to eight changes: a byte, a bit, a number of extremes, or the end cut off.
fn mutate(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..1 + random.below(8) {
        let place = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[place] = random.next() as u8,
            1..5 => bytes[place] ^= 1 << random.below(8),
            5 | 6 => {
                let extreme = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
                bytes
                    .iter_mut()
                    .skip(place)
                    .take(1 << random.below(4))
                    .for_each(|byte| *byte = extreme);
            }
            _ if random.below(8) == 0 => bytes.truncate(place.max(1)),
            _ => {}
        }
    }
    bytes
}

/// Numbers that are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    // Its verdict takes a million instructions.
    paths.retain(|path| !path.ends_with("reject_too_complex.o"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(path).unwrap(),
            )
        })
        .collect()
}
