//! What the programs of `corpus/answers_*.o` answer, each run alone as in a kernel's test run: as `answers.csv` says, in
//! which numbers stand before what is not zero.
//!
//! `BLESS=1` writes it anew, which is right where `ebpf-sim diff --kernel vm:6.12` finds no difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ebpf_sim::diff::{is_run, test_event};
use ebpf_sim::object::Program;
use ebpf_sim::sim::{Engine, Options, Selection, Sim};

use crate::seen::{corpus, packet};

/// What the names of the objects begin with.
pub(crate) const PREFIX: &str = "answers_";
/// Bytes of the context of a call.
const CONTEXT: [u8; 64] = [0; 64];

fn objects() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus("")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(".o")
    });
    files.sort();
    files
}

fn loaded(file: &Path, programs: Selection, engine: Engine) -> Sim {
    let mut sim = Sim::new(Options {
        programs,
        engine,
        ..Options::default()
    })
    .unwrap();
    sim.load_file(file).unwrap();
    sim
}

/// What a program answers, as the list says it.
fn answers(file: &Path, program: &Program, engine: Engine) -> String {
    let only = Selection::Named(vec![program.name.clone()]);
    let mut sim = loaded(file, only, engine);
    let event = test_event(program, &packet("udp"), &CONTEXT).unwrap();
    let firing = sim.fire(&event).unwrap();
    let trap = firing.trap().map(ToString::to_string);
    assert_eq!(trap, None, "{}", program.name);
    let reached = firing.runs().filter(|run| *run.name == *program.name);
    assert_eq!(reached.count(), 1, "{}", program.name);
    let entries = sim.map("answers").unwrap().entries();
    let mut text = String::new();
    for (number, entry) in entries.iter().enumerate() {
        let answer = i64::from_le_bytes(entry.values[0].as_slice().try_into().unwrap());
        if answer != 0 {
            write!(text, " {number}:{answer}").unwrap();
        }
    }
    text.trim_start().to_owned()
}

fn fresh(engine: Engine) -> String {
    let mut text = "object,program,answers\n".to_owned();
    for file in objects() {
        let sim = loaded(&file, Selection::Autoload, Engine::Interpreter);
        let load = &sim.loads()[0];
        for loaded in &load.programs {
            let refusal = loaded.verdict.refusal().map(ToString::to_string);
            assert_eq!(refusal, None, "{}", loaded.name);
            let program = loaded.program.as_ref().unwrap();
            assert!(is_run(program), "{}", program.name);
            let object = file.file_stem().unwrap().to_string_lossy();
            let answers = answers(&file, program, engine);
            writeln!(text, "{object},{},{answers}", program.name).unwrap();
        }
    }
    text
}

#[test]
fn answers_are_those_of_linux() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus_runs/answers.csv");
    let fresh = fresh(Engine::Interpreter);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    for (number, (known, fresh)) in (1..).zip(known.lines().zip(fresh.lines())) {
        assert_eq!(known, fresh, "answers.csv:{number}");
    }
    assert_eq!(known, fresh);
}

#[cfg(feature = "jit")]
#[test]
fn answers_are_the_same_in_native_code() {
    let native = fresh(Engine::Jit(ebpf_sim::jit::Counting::On));
    let fresh = fresh(Engine::Interpreter);
    for (native, interpreted) in native.lines().zip(fresh.lines()) {
        assert_eq!(native, interpreted);
    }
    assert_eq!(native.len(), fresh.len());
}
