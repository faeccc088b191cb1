//! `ebpf-sim link` against `bpftool gen object`: which objects go together, and what is in the result.
//!
//! Pairs are neighbours of the corpus; where `EBPF_SIM_OBJECTS` names a directory, also its objects whose names end in 1 and
//! 2, and others at random. Both results are loaded, and must have the same programs, maps and variables. Numbers of types
//! are not compared: the linkers sort types differently.
//!
//! bpftool leaves the map at offset 0 in type information that an object before declares as extern; it is loaded by its symbol.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use ebpf_sim::linker;
use ebpf_sim::object::{Initial, LinkOptions, MapSpec, Object, Program};

/// How many pairs are taken at random.
const RANDOM_PAIRS: usize = 60;

/// The objects of a directory, by name.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "o"))
        .collect();
    found.sort();
    found
}

/// What bpftool makes of objects: the bytes, or what it says.
fn theirs(files: &[&Path]) -> Result<Vec<u8>, String> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("ebpf-sim-linked-{}-{count}.o", std::process::id());
    let output = std::env::temp_dir().join(name);
    let mut command = Command::new("bpftool");
    let done = command
        .args(["gen", "object"])
        .arg(&output)
        .args(files)
        .output()
        .unwrap();
    let bytes = std::fs::read(&output).unwrap_or_default();
    let _ = std::fs::remove_file(&output);
    match done.status.success() {
        true => Ok(bytes),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// What we make of them.
fn ours(files: &[&Path]) -> Result<Vec<u8>, String> {
    let read = |path: &&Path| (path.display().to_string(), std::fs::read(path).unwrap());
    let objects: Vec<_> = files.iter().map(read).collect();
    linker::link(&objects).map_err(|error| error.to_string())
}

/// What is in an object, a line each.
fn contents(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    let object = Object::parse("both.o", bytes).map_err(|error| error.to_string())?;
    let linked = object.link(&LinkOptions::default());
    let programs = linked.programs.iter().map(|program| match program {
        Ok(program) => describe(program),
        Err(error) => format!("{}: {error}", error.program),
    });
    let maps = (0..).zip(linked.maps.iter()).map(map_line);
    let globals = object.globals().iter().map(|global| {
        format!(
            "{} in {} at {} of {}",
            global.name, global.map, global.offset, global.size
        )
    });
    Ok(programs.chain(maps).chain(globals).collect())
}

fn describe(program: &Program) -> String {
    let functions: Vec<_> = program
        .subprogs
        .iter()
        .map(|function| (&function.name, function.start, function.linkage))
        .collect();
    let lines: Vec<_> = program
        .lines
        .iter()
        .map(|line| (line.pc, line.line))
        .collect();
    format!(
        "{} {} {:?} {functions:?} {lines:?} {:?}",
        program.name, program.section, program.licence, program.code
    )
}

fn map_line((index, map): (u32, &MapSpec)) -> String {
    let initial = match &map.initial {
        // The number of its type is not compared.
        Initial::StructOps(table) => format!("{:?} {:?}", table.data, table.members),
        other => format!("{other:?}"),
    };
    format!(
        "map {index} {} {:?} {} {} {} {:#x} {:?} {initial}",
        map.name,
        map.map_type,
        map.key_size,
        map.value_size,
        map.max_entries,
        map.flags,
        map.pinning
    )
}

/// How the results for objects differ, if they do.
fn difference(files: &[&Path]) -> Option<String> {
    let names: Vec<_> = files
        .iter()
        .map(|path| path.file_name().unwrap_or_default())
        .collect();
    let (ours, theirs) = match (ours(files), theirs(files)) {
        (Ok(ours), Ok(theirs)) => (contents(&ours), contents(&theirs)),
        (Err(_), Err(_)) => return None,
        (Ok(_), Err(error)) => return Some(format!("{names:?}: only bpftool refuses: {error}")),
        (Err(error), Ok(_)) => return Some(format!("{names:?}: only we refuse: {error}")),
    };
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        // In other words, for the linkers sort sections differently.
        (Err(_), Err(_)) => return None,
        (ours, theirs) => {
            return Some(format!(
                "{names:?}: {:?}, bpftool {:?}",
                ours.err(),
                theirs.err()
            ));
        }
    };
    let missing = theirs.difference(&ours).next();
    let surplus = ours.difference(&theirs).next();
    let differs = missing.is_some() || surplus.is_some();
    differs.then(|| format!("{names:?}:\n  bpftool {missing:?}\n  ours    {surplus:?}"))
}

fn check<'a>(pairs: impl IntoIterator<Item = [&'a Path; 2]>) {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let found: Vec<String> = pairs.iter().filter_map(|pair| difference(pair)).collect();
    eprintln!("{} pairs, {} differ", pairs.len(), found.len());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Whether bpftool is there; without it the test says so.
fn has_bpftool() -> bool {
    let found = Command::new("bpftool").arg("version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: bpftool is not installed");
    }
    found
}

#[test]
fn neighbours_of_the_corpus_link_as_with_bpftool() {
    if !has_bpftool() {
        return;
    }
    let corpus = objects(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"));
    check(
        corpus
            .windows(2)
            .map(|pair| [pair[0].as_path(), pair[1].as_path()]),
    );
}

#[test]
fn other_objects_link_as_with_bpftool() {
    let Ok(folder) = std::env::var("EBPF_SIM_OBJECTS") else {
        eprintln!("skipped: EBPF_SIM_OBJECTS names no directory of objects");
        return;
    };
    if !has_bpftool() {
        return;
    }
    let all = objects(Path::new(&folder));
    let second = |first: &Path| {
        let stem = first.file_stem()?.to_str()?.strip_suffix('1')?;
        let second = first.with_file_name(format!("{stem}2.o"));
        all.iter().find(|path| **path == second)
    };
    let made_for_it = all
        .iter()
        .filter_map(|first| Some([first.as_path(), second(first)?.as_path()]));
    // A fixed sequence that looks random (multiplier of Knuth's MMIX).
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        all[usize::try_from(state >> 33).unwrap() % all.len()].as_path()
    };
    let random: Vec<[&Path; 2]> = (0..RANDOM_PAIRS).map(|_| [next(), next()]).collect();
    check(made_for_it.chain(random));
}
