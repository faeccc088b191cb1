//! Every object is loaded as libbpf loads it: what opens, what the programs and maps are, and what
//! instructions the kernel is given.
//!
//! libbpf 1.5 or later answers through `tests/libbpf/probe.c`, which asks no kernel. It is found as
//! a directory with `libbpf.a` and its headers (`bpf/libbpf.h`) named by `EBPF_SIM_LIBBPF`, or by
//! `pkg-config`; without it the test says so and is skipped. Objects are those of the corpus, and of
//! the directory that `EBPF_SIM_OBJECTS` names. What is known to differ is in
//! `tests/libbpf/known-differences.csv`, each with a reason; one that vanished fails the test, too.

#![cfg(target_os = "linux")]

mod libbpf {
    pub(crate) mod causes;
    pub(crate) mod compare;
    pub(crate) mod known;
    pub(crate) mod ours;
    pub(crate) mod probe;
}

use std::path::{Path, PathBuf};

use libbpf::compare::{Difference, compare};
use libbpf::known::Known;
use libbpf::probe::{Library, probe};

/// The objects of a directory, by name.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of objects is readable");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder of objects is readable").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "o"))
        .collect();
    files.sort();
    files
}

/// What differs for the objects of a directory.
fn differences(library: &Library, name: &str, folder: &Path) -> Vec<Difference> {
    let answers = probe(library, name, &objects(folder));
    answers
        .iter()
        .flat_map(|theirs| {
            let path = theirs["path"].as_str().expect("the probe names the object");
            let bytes = std::fs::read(path).expect("the object is readable");
            let file = path.rsplit('/').next().unwrap_or(path);
            compare(file, theirs, &libbpf::ours::answer(path, &bytes))
        })
        .collect()
}

fn check(name: &str, folder: &Path, list: &str) {
    let library = match Library::find() {
        Ok(library) => library,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    let mut known = Known::read(list);
    let found = differences(&library, name, folder);
    let unknown: Vec<String> = found
        .iter()
        .filter(|difference| !known.explains(difference))
        .map(Difference::to_string)
        .collect();
    let vanished = known.vanished();
    eprintln!(
        "{}: {} differences, {} of them known",
        folder.display(),
        found.len(),
        found.len() - unknown.len()
    );
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(vanished.is_empty(), "vanished:\n{}", vanished.join("\n"));
}

#[test]
fn objects_of_the_corpus_load_as_with_libbpf() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    check("libbpf-corpus", &corpus, "");
}

#[test]
fn objects_of_the_loader_tests_load_as_with_libbpf() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/object/testdata");
    let list = "object,subject,field,reason\n\
        legacy.o,,open,maps in the legacy section `maps` are accepted here\n\
        neighbours.o,,open,static functions outside of .text are accepted here\n";
    check("libbpf-testdata", &folder, list);
}

#[test]
fn objects_of_the_named_directory_load_as_with_libbpf() {
    let Some(folder) = std::env::var_os("EBPF_SIM_OBJECTS") else {
        eprintln!("skipped: EBPF_SIM_OBJECTS names no directory of objects");
        return;
    };
    let list = include_str!("libbpf/known-differences.csv");
    check("libbpf-objects", Path::new(&folder), list);
}
