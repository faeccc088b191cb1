//! Every verdict on the corpus is the one that Linux 6.12 gave.
//!
//! `corpus/verdicts.csv` holds what real kernels said of each program; nothing here asks a kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ebpf_sim::object::{LinkOptions, Object, Program};
use ebpf_sim::verifier::{Env, Rejection, verify};

/// The kernel whose verdicts count.
const KERNEL: &str = "6.12.117";

/// One row of `corpus/verdicts.csv`.
struct Row {
    verdict: String,
    insns: u64,
    errno: i32,
    reason: String,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// What the kernel said, by file and program.
fn truth() -> BTreeMap<(String, String), Row> {
    let mut reader =
        csv::Reader::from_path(corpus().join("verdicts.csv")).expect("the corpus has its verdicts");
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let record = record.expect("the verdicts are well-formed");
        if &record[3] != KERNEL {
            continue;
        }
        let row = Row {
            verdict: record[2].to_owned(),
            insns: record[4].parse().expect("a number of instructions"),
            errno: record[6].parse().expect("an error number"),
            reason: record[7].to_owned(),
        };
        rows.insert((record[0].to_owned(), record[1].to_owned()), row);
    }
    rows
}

fn programs(file: &str) -> Vec<Program> {
    let bytes = std::fs::read(corpus().join(file)).expect("the object is in the corpus");
    let object = Object::parse(file, &bytes).expect("objects of the corpus parse");
    let linked = object.link(&LinkOptions::default());
    linked
        .programs
        .into_iter()
        .map(|program| program.expect("programs of the corpus link"))
        .collect()
}

/// Runs `compare` on every program that the kernel judged, and lists what it returns.
fn compare_all(
    compare: impl Fn(&Row, Result<u64, Box<Rejection>>) -> Option<String>,
) -> Vec<String> {
    let truth = truth();
    let files: BTreeSet<&String> = truth.keys().map(|(file, _)| file).collect();
    let mut found = Vec::new();
    let mut judged = 0;
    for file in files {
        for program in programs(file) {
            let Some(row) = truth.get(&(file.clone(), program.name.clone())) else {
                continue;
            };
            let name = program.name.clone();
            let verdict = verify(&Arc::new(program), &Env::default());
            judged += 1;
            let verdict = verdict.map(|verified| verified.stats.insns_processed);
            if let Some(difference) = compare(row, verdict) {
                found.push(format!("{file} {name}: {difference}"));
            }
        }
    }
    assert_eq!(
        judged,
        truth.len(),
        "every program of the table must be found in its object"
    );
    found
}

#[test]
fn corpus_verdicts_are_the_kernels() {
    let found = compare_all(|row, verdict| {
        let ours = match &verdict {
            Ok(_) => "success".to_owned(),
            Err(why) => format!("failure {} {}", why.errno.number(), why.message),
        };
        let theirs = match row.verdict.as_str() {
            "success" => "success".to_owned(),
            other => format!("{other} {} {}", row.errno, row.reason),
        };
        (ours != theirs).then(|| format!("ours: {ours}; kernel: {theirs}"))
    });
    assert!(found.is_empty(), "verdicts differ:\n{}", found.join("\n"));
}

#[test]
fn corpus_instruction_counts_are_the_kernels() {
    let found = compare_all(|row, verdict| {
        let ours = verdict.unwrap_or_else(|rejection| rejection.stats.insns_processed);
        (ours != row.insns).then(|| format!("ours: {ours}; kernel: {}", row.insns))
    });
    assert!(
        found.is_empty(),
        "instructions processed differ:\n{}",
        found.join("\n")
    );
}
