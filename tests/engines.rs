//! The interpreter against native code, on every object of the corpus and, where `EBPF_SIM_OBJECTS`
//! names a folder, on every object in it: whatever a program leaves must be the same.
//!
//! Each program runs judged, on events that may reach it, and again as one that nobody judged, on a
//! context of zeros. Of what the verifier accepts memory must refuse nothing: native code does not ask it.
//! Machines are made one after the other, so that they lie at the same address.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ebpf_sim::abi::kfuncs;
use ebpf_sim::btf::{KindFilter, kernel_6_12};
use ebpf_sim::code::{
    Bindings, Cause, Code, MapBinding, Outcome, Programs, RunEnv, Stacks, lower_unverified,
};
use ebpf_sim::events::Event;
use ebpf_sim::helpers::World;
use ebpf_sim::jit::Counting;
use ebpf_sim::machine::{
    Machine, MachineConfig, MemoryConfig, ObjectKind, ObjectSpec, Owner, ProgId, Task,
};
use ebpf_sim::maps::{Map, MapTable};
use ebpf_sim::object::{Initial, LinkOptions, Object};
use ebpf_sim::sim::{Engine, Engines, Options, Prepared, Selection, Sim};

/// More than a program of the corpus runs, but for those that would not end.
const FUEL: u64 = 1 << 20;

/// Machines must not exist at the same time, or their addresses would differ.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const ENGINES: [Engine; 2] = [Engine::Jit(Counting::On), Engine::Jit(Counting::Off)];

/// What was seen, thing by thing.
type Seen = Vec<(String, String)>;

fn objects(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut objects: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect();
    objects.sort();
    objects
}

/// Those that somebody else made, if they are there.
fn given() -> Option<Vec<PathBuf>> {
    let folder = std::env::var_os("EBPF_SIM_OBJECTS").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.exists());
    if folder.is_none() {
        eprintln!("skipped: EBPF_SIM_OBJECTS names nothing that is there");
    }
    folder.map(|folder| objects(&folder))
}

fn events() -> Vec<Event> {
    let folder = Path::new("corpus/packets");
    let mut packets: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    packets.sort();
    let packets = packets
        .iter()
        .map(|path| Event::packet(std::fs::read(path).unwrap()));
    let calls = ["openat", "getpgid", "nanosleep", "write", "close"];
    let calls = calls.map(|name| Event::syscall(name, &[]));
    let execs = ["/bin/ls", "/usr/bin/forbidden"].map(Event::execve);
    let named = [
        "sleep:2s",
        "iter:task",
        "syscall",
        "cgroup/connect4",
        "cgroup/sysctl",
        "sockops",
        "sk_msg",
    ];
    let named = named.map(|name| Event::parse::<&str, &str>(name, &[]).unwrap());
    execs
        .into_iter()
        .chain(calls)
        .chain(packets)
        .chain(named)
        .collect()
}

/// What runs the programs that nothing has reached yet, where it takes no more than a name.
fn own_events(sim: &Sim) -> Vec<Event> {
    let needs: BTreeSet<String> = sim.unreached().into_iter().map(|it| it.needs).collect();
    let names = needs.iter().filter_map(|needs| {
        let name = needs.strip_prefix("--event ")?;
        name.split([' ', ',']).next()
    });
    names
        .filter_map(|name| Event::parse::<&str, &str>(name, &[]).ok())
        .collect()
}

/// Loads and judges all programs of an object, lets everything happen, and says what was seen.
fn judged(name: &str, bytes: &[u8], engine: Engine) -> Option<Seen> {
    let object = Object::parse(name, bytes).ok()?;
    let linked = object.link(&LinkOptions::default());
    let programs = linked.programs.iter().map(|program| match program {
        Ok(program) => program.name.clone(),
        Err(error) => error.program.clone(),
    });
    let mut sim = Sim::new(Options {
        engine,
        programs: Selection::Named(programs.collect()),
        memory: MemoryConfig {
            budget: 512 << 20,
            ..MemoryConfig::default()
        },
        ..Options::default()
    })
    .unwrap();
    let load = sim.load_bytes(name, bytes).ok()?;
    let mut seen = Seen::new();
    for program in load.programs.iter() {
        let refusal = program.verdict.refusal().map(ToString::to_string);
        seen.push((program.name.clone(), refusal.unwrap_or_default()));
    }
    happen(&mut sim, &events(), engine, &mut seen);
    let own = own_events(&sim);
    happen(&mut sim, &own, engine, &mut seen);
    for map in sim.maps() {
        let name = map.spec().name.clone();
        let entries = map
            .entries()
            .iter()
            .map(|entry| format!("{entry:?}"))
            .collect::<Vec<_>>();
        seen.push((format!("map {name}"), entries.join("\n")));
        seen.push((format!("records of {name}"), format!("{:?}", map.records())));
    }
    seen.push(("trace".to_owned(), sim.trace_lines().join("\n")));
    Some(seen)
}

/// Lets events happen, and adds what was seen of them.
fn happen(sim: &mut Sim, events: &[Event], engine: Engine, seen: &mut Seen) {
    for (number, event) in events.iter().enumerate() {
        let Ok(firing) = sim.fire(event) else {
            continue;
        };
        for run in firing.runs() {
            // Native code would believe the verifier here.
            if let Err(trap) = &run.outcome {
                let is_refused =
                    matches!(trap.cause, Cause::Memory(_) | Cause::HelperMemory { .. });
                assert!(!is_refused, "{} is accepted, and {trap}", run.name);
            }
            let counted = engine != Engine::Jit(Counting::Off);
            let insns = run.insns.filter(|_| counted);
            let what = format!("event {number}, {}", run.name);
            seen.push((format!("{what}: outcome"), format!("{:?}", run.outcome)));
            seen.push((
                format!("{what}: rest"),
                format!("{:?} {}", run.state, run.tail_calls),
            ));
            seen.push((format!("{what}: instructions"), format!("{insns:?}")));
        }
        seen.push((
            format!("event {number}: packet"),
            format!("{:?}", firing.packet),
        ));
        seen.push((
            format!("event {number}: fields"),
            format!("{:?}", firing.fields),
        ));
    }
}

/// Runs every program of an object that nobody judged on a context of zeros.
fn unjudged(name: &str, bytes: &[u8], engine: Engine) -> Option<Seen> {
    let object = Object::parse(name, bytes).ok()?;
    let linked = object.link(&LinkOptions::default());
    let machine = Machine::new(MachineConfig {
        memory: MemoryConfig {
            budget: 512 << 20,
            ..MemoryConfig::default()
        },
        ..MachineConfig::default()
    })
    .unwrap();
    let stacks = Stacks::new(&machine.memory, &Owner::Kernel).unwrap();
    let (table, task) = (MapTable::default(), Task::default());
    let maps: Vec<Arc<Map>> = linked
        .maps
        .iter()
        .map(|spec| Map::create(&machine, spec))
        .collect::<Result<_, _>>()
        .ok()?;
    maps.iter().for_each(|map| table.insert(Arc::clone(map)));
    let bindings = Bindings {
        maps: maps.iter().map(MapBinding::of).collect(),
        kfuncs: kernel_functions(),
        ..Bindings::default()
    };
    let mut engines = Engines::new(engine).unwrap();
    let mut programs = Programs::default();
    let mut ready = Vec::new();
    for (id, program) in (1..).map(ProgId).zip(linked.programs.iter().flatten()) {
        let Ok(code) = lower_unverified(program, &bindings) else {
            continue;
        };
        let code = Arc::new(code);
        let prepared = engines.prepare(&code).unwrap();
        programs.insert(id, code);
        engines.insert(id, &prepared);
        for map in &maps {
            if let (Initial::Programs(slots), Some(array)) = (&map.spec.initial, map.programs()) {
                let slots = slots.iter().filter(|(_, name)| *name == program.name);
                slots.for_each(|(index, _)| array.set(&machine.memory, *index, Some(id)).unwrap());
            }
        }
        ready.push(prepared);
    }
    let spec = ObjectSpec::new(ObjectKind::Context, "context", Owner::Kernel);
    let ctx = machine.memory.allocate(4096, &spec).unwrap();
    let mut seen = Seen::new();
    for prepared in &ready {
        let code: &Code = prepared.code();
        let world = World::new(&machine, &table, code.prog_type, &task);
        let env = RunEnv {
            world,
            programs: &programs,
            stacks: &stacks,
            fuel: FUEL,
        };
        let outcome = engines.run(prepared, &env, ctx);
        record(&mut seen, &code.name, &outcome);
    }
    for map in &maps {
        seen.push((map.spec.name.clone(), format!("{:?}", map.entries())));
    }
    seen.push(("trace".to_owned(), machine.trace.lines().join("\n")));
    Some(seen)
}

/// The kernel functions of Linux 6.12 by id.
fn kernel_functions() -> BTreeMap<i32, &'static str> {
    let kernel = kernel_6_12();
    let by_id = kfuncs::all().filter_map(|kfunc| {
        let id = kernel.find(kfunc.name, KindFilter::FUNC)?;
        Some((id.0.cast_signed(), kfunc.name))
    });
    by_id.collect()
}

fn record(seen: &mut Seen, name: &str, outcome: &Outcome) {
    seen.push((format!("{name}: outcome"), format!("{:?}", outcome.result)));
    let rest = format!("{:?} {}", outcome.state, outcome.tail_calls);
    seen.push((format!("{name}: rest"), rest));
    seen.push((
        format!("{name}: instructions"),
        format!("{:?}", outcome.insns),
    ));
}

/// What differs, as far as both saw it. Where nothing is counted fuel ends elsewhere, or not at all.
fn differences(what: &str, one: &Seen, other: &Seen, engine: Engine) -> Vec<String> {
    let out_of_fuel = one.iter().any(|(_, seen)| seen.contains("OutOfFuel"));
    if out_of_fuel && engine == Engine::Jit(Counting::Off) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for ((name, one), (other_name, other)) in one.iter().zip(other) {
        assert_eq!(name, other_name);
        let uncounted = name.ends_with("instructions") && other == "None";
        if one != other && !uncounted {
            let mut text = format!("{what}, {name}:\n");
            writeln!(text, "  interpreter: {one}\n  native code: {other}").unwrap();
            found.push(text);
        }
    }
    if one.len() != other.len() {
        found.push(format!("{what}: one saw more"));
    }
    found
}

/// Holds both engines against each other; how many programs ran, judged or not.
fn compare(objects: &[PathBuf]) -> usize {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut found, mut ran) = (Vec::new(), 0);
    for path in objects {
        let (name, bytes) = (
            path.file_name().unwrap().to_string_lossy(),
            std::fs::read(path).unwrap(),
        );
        for (how, run) in [
            ("judged", judged as fn(&str, &[u8], Engine) -> Option<Seen>),
            ("unjudged", unjudged),
        ] {
            let Some(interpreted) = run(&name, &bytes, Engine::Interpreter) else {
                continue;
            };
            ran += interpreted
                .iter()
                .filter(|(name, _)| name.ends_with(": outcome"))
                .count();
            for engine in ENGINES {
                let Some(native) = run(&name, &bytes, engine) else {
                    continue;
                };
                let what = format!("{name} {how}, {engine:?}");
                found.extend(differences(&what, &interpreted, &native, engine));
            }
        }
    }
    let shown = found
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(found.is_empty(), "{} differences\n{shown}", found.len());
    ran
}

#[test]
fn corpus_programs_do_the_same_in_both_engines() {
    let folders = ["corpus", "corpus/bench"].map(|folder| objects(Path::new(folder)));
    let ran = compare(&folders.concat());
    assert!(ran > 100, "{ran} runs");
}

#[test]
fn given_programs_do_the_same_in_both_engines() {
    if let Some(objects) = given() {
        let ran = compare(&objects);
        eprintln!("{} objects, {ran} runs in the interpreter", objects.len());
        assert!(ran > 0);
    }
}

/// What the last of three runs of each program came to on a packet, run by run or repeated.
fn last_of_three(path: &Path, engine: Engine, again: fn(&mut Prepared<'_>) -> Outcome) -> Seen {
    let mut seen = Seen::new();
    let packet = Event::packet(std::fs::read("corpus/packets/udp.bin").unwrap());
    for number in 0.. {
        let mut sim = Sim::new(Options {
            engine,
            ..Options::default()
        })
        .unwrap();
        let load = sim.load_file(path).ok();
        let Some(program) = load.as_ref().and_then(|load| load.programs.get(number)) else {
            break;
        };
        let (name, id) = (program.name.clone(), program.id);
        let prepared = id.map(|id| sim.prepare(id, &packet));
        if let Some(Ok(Some(mut prepared))) = prepared {
            record(&mut seen, &name, &again(&mut prepared));
        }
    }
    seen
}

#[test]
fn program_repeated_gives_what_it_gives_when_run_as_often() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut compared = 0;
    let folders = ["corpus", "corpus/bench"].map(Path::new);
    for path in folders.iter().flat_map(|folder| objects(folder)) {
        for engine in [Engine::Interpreter].iter().chain(&ENGINES) {
            let by_run = last_of_three(&path, *engine, |prepared| {
                prepared.run();
                prepared.run();
                prepared.run()
            });
            let repeated = last_of_three(&path, *engine, |prepared| prepared.repeat(3).outcome);
            assert_eq!(by_run, repeated, "{} {engine}", path.display());
            compared += by_run.len();
        }
    }
    assert!(compared > 100, "{compared}");
}
