//! One program on many CPUs at once, each on a thread of its own: no run is lost in any map, in either engine.

use ebpf_sim::events::Event;
use ebpf_sim::machine::Cpus;
use ebpf_sim::sim::{Engine, Options, Sim};

const CPUS: u32 = 4;
const RUNS: u32 = 2000;

fn engines() -> Vec<Engine> {
    vec![
        Engine::Interpreter,
        #[cfg(feature = "jit")]
        Engine::Jit(ebpf_sim::jit::Counting::Off),
    ]
}

fn loaded(engine: Engine, file: &str) -> Sim {
    let options = Options {
        engine,
        cpus: Cpus::new(CPUS),
        ..Options::default()
    };
    let mut sim = Sim::new(options).expect("the host gives the memory");
    let path = format!("{}/corpus/{file}", env!("CARGO_MANIFEST_DIR"));
    sim.load_file(path).expect("it is an object");
    sim
}

/// Runs the first program on a packet on all CPUs at once.
fn run_everywhere(sim: &mut Sim) {
    run_everywhere_on(sim, &Event::packet([0; 64]));
}

/// Runs the first program on all CPUs at once.
fn run_everywhere_on(sim: &mut Sim, event: &Event) {
    let id = sim.loads()[0].programs[0].id.expect("it is accepted");
    let prepared = sim.prepare_each(id, event, Cpus::new(CPUS));
    let prepared = prepared.expect("there is such an event");
    assert_eq!(prepared.len(), CPUS as usize);
    std::thread::scope(|scope| {
        for mut one in prepared {
            scope.spawn(move || {
                let repeated = one.repeat(RUNS);
                assert!(repeated.outcome.result.is_ok(), "{:?}", repeated.outcome);
            });
        }
    });
}

/// The sum of all numbers in a map, on all CPUs.
fn sum(sim: &Sim, map: &str) -> u64 {
    let number = |bytes: &Vec<u8>| u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
    let entries = sim.map(map).expect("it is declared").entries();
    entries
        .iter()
        .flat_map(|entry| entry.values.iter().map(number))
        .sum()
}

fn global(sim: &Sim, name: &str) -> u64 {
    let mut bytes = sim.global(name).expect("it is declared");
    bytes.resize(8, 0);
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

#[test]
fn run_on_any_cpu_is_lost_in_no_map() {
    for engine in engines() {
        let mut sim = loaded(engine, "many_cpus.o");
        run_everywhere(&mut sim);
        let runs = u64::from(CPUS * RUNS);
        for map in ["array", "hash", "lru", "cpu_array", "cpu_hash", "trie"] {
            assert_eq!(sum(&sim, map), runs, "{map}, {engine}");
        }
        let [ran, queued, popped, sent, lost] =
            ["runs", "queued", "popped", "sent", "lost"].map(|name| global(&sim, name));
        assert_eq!((ran, sent + lost), (runs, runs), "{engine}");
        let waiting = sim.map("queue").unwrap().entries().len() as u64;
        assert_eq!(queued, popped + waiting, "{engine}");
        let mut records: Vec<_> = sim.records("ring").unwrap();
        assert_eq!(records.len() as u64, sent, "{engine}");
        records.sort_by(|one, other| one.bytes.cmp(&other.bytes));
        records.dedup();
        assert_eq!(
            records.len() as u64,
            sent,
            "every record is another run's, {engine}"
        );
    }
}

#[test]
fn maps_hold_together_under_many_cpus() {
    for engine in engines() {
        for file in [
            "hash",
            "hash_update",
            "own_keys",
            "lru",
            "shared",
            "lpm",
            "ringbuf",
            "five_tuple",
        ] {
            let mut sim = loaded(engine, &format!("bench/{file}.o"));
            run_everywhere(&mut sim);
            let map = sim.maps()[0];
            let (held, most) = (map.entries().len(), map.spec().max_entries as usize);
            assert!(held <= most, "{file}, {engine}: {held} of {most}");
        }
    }
}

#[test]
fn object_of_one_cpu_is_neither_lost_nor_freed_under_another() {
    for engine in engines() {
        let mut sim = loaded(engine, "many_objects.o");
        run_everywhere(&mut sim);
        let [runs, made, dropped, broken] =
            ["runs", "made", "dropped", "broken"].map(|name| global(&sim, name));
        assert_eq!(runs, u64::from(CPUS * RUNS), "{engine}");
        assert_eq!((made, broken), (runs, 0), "{engine}");
        // The shelves hold what is left, and the queue is empty: each run takes out what it put in.
        let held = sim.machine().objects.held() as u64;
        assert_eq!((made - dropped, held), (4, 4), "{engine}");
        let freed = sim.machine().objects.waiting();
        assert_eq!(freed, 0, "the last run leaves nothing that waits, {engine}");
    }
}

#[test]
fn structure_of_the_kernel_stays_while_any_cpu_may_hold_it() {
    for engine in engines() {
        let mut sim = loaded(engine, "kernel_kptr.o");
        run_everywhere_on(&mut sim, &Event::execve("/bin/ls"));
        let objects = &sim.machine().objects;
        assert_eq!((objects.lent(), objects.held()), (1, 1), "{engine}");
        assert_eq!(global(&sim, "cpu_before"), 1, "{engine}");
        assert_eq!(global(&sim, "pid_before"), 1234, "{engine}");
    }
}

#[test]
fn events_that_happen_at_once_are_all_counted_each_on_its_cpu() {
    for engine in engines() {
        let mut sim = loaded(engine, "percpu_count.o");
        let event = Event::execve("/bin/ls");
        let gathered = sim.fire_at_once(&[&event], RUNS, Cpus::new(CPUS), |_, seen, _, firing| {
            let seen: &mut Vec<(u32, bool)> = seen;
            seen.push((firing.cpu.0, firing.trap().is_none()));
        });
        let gathered = gathered.expect("there is such an event");
        for (cpu, seen) in (0..).zip(&gathered) {
            let wanted = vec![(cpu, true); (RUNS / CPUS) as usize];
            assert_eq!(*seen, wanted, "{engine}");
        }
        assert_eq!(gathered.len(), CPUS as usize);
        let entries = sim.map("starts").expect("it is declared").entries();
        let counts = entries[0].values.iter();
        let counts: Vec<u64> = counts
            .map(|bytes| u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")))
            .collect();
        assert_eq!(
            counts,
            vec![u64::from(RUNS / CPUS); CPUS as usize],
            "{engine}"
        );
    }
}
