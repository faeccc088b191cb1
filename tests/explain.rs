//! The kinds of rejection: their examples are judged, and no sentence is without a kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ebpf_sim::abi::privilege::{Capabilities, Loader};
use ebpf_sim::object::{LinkOptions, Object, Program};
use ebpf_sim::verifier::reason::{self, Example, Kind, Loaded};
use ebpf_sim::verifier::{Env, verify};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The only program of an example.
fn program(example: &Example) -> Program {
    let Some(name) = example.file.strip_suffix(".bpf.c") else {
        return Program::from_assembly(example.file, example.text).expect("it assembles");
    };
    let file = repository().join(format!("corpus/explain/{name}.o"));
    let bytes = std::fs::read(file).expect("corpus/build.sh has built it");
    let object = Object::parse(name, &bytes).expect("objects of the corpus parse");
    let mut programs = object.link(&LinkOptions::default()).programs;
    assert_eq!(programs.len(), 1, "{name} has one program");
    programs.remove(0).expect("programs of the corpus link")
}

/// The code and sentence that an example is refused with.
fn refusal(example: &Example, loaded: Loaded) -> Result<(), String> {
    let capabilities = match loaded {
        Loaded::Privileged => Loader::default().capabilities,
        Loaded::Unprivileged => Capabilities::NONE,
    };
    let loader = Loader {
        capabilities,
        ..Loader::default()
    };
    let env = Env {
        loader,
        ..Env::default()
    };
    let verdict = verify(&Arc::new(program(example)), &env);
    verdict.map(|_| ()).map_err(|rejection| {
        let code = rejection
            .kind
            .map_or_else(String::new, |kind| kind.code.to_string());
        format!("{code}: {}", rejection.message)
    })
}

#[test]
fn wrong_example_is_refused_with_its_code() {
    let mut amiss = Vec::new();
    for kind in reason::all() {
        let Some(examples) = &kind.examples else {
            continue;
        };
        match refusal(&examples.wrong, examples.loaded) {
            Err(why) if why.starts_with(&format!("{}: ", kind.code)) => {}
            verdict => amiss.push(format!("{}: {verdict:?}", examples.wrong.file)),
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}

#[test]
fn right_example_is_accepted() {
    let mut amiss = Vec::new();
    for kind in reason::all() {
        let Some(examples) = &kind.examples else {
            continue;
        };
        if let Err(why) = refusal(&examples.right, examples.loaded) {
            amiss.push(format!("{}: {why}", examples.right.file));
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}

#[test]
fn example_file_is_some_kinds() {
    let names = |kind: &'static Kind| {
        let examples = kind.examples.iter();
        examples.flat_map(|examples| [examples.wrong.file, examples.right.file])
    };
    let named: BTreeSet<String> = reason::all()
        .into_iter()
        .flat_map(names)
        .map(str::to_owned)
        .collect();
    let folder = std::fs::read_dir(repository().join("corpus/explain")).expect("it is there");
    let found: BTreeSet<String> = folder
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".o"))
        .collect();
    assert_eq!(named, found);
}

/// Fails with those sentences that are of no kind.
fn check_all(sentences: impl IntoIterator<Item = String>) {
    let (mut count, mut unknown) = (0, BTreeSet::new());
    for sentence in sentences {
        count += 1;
        if reason::of(&sentence).is_none() {
            unknown.insert(sentence);
        }
    }
    assert!(count > 0, "there are sentences");
    let unknown: Vec<String> = unknown.into_iter().collect();
    assert!(unknown.is_empty(), "of no kind:\n{}", unknown.join("\n"));
}

#[test]
fn sentence_expected_of_assembly_has_a_kind() {
    let folder = std::fs::read_dir(repository().join("tests/verifier")).expect("it is there");
    let files = folder
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "s"));
    let mut sentences = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("it can be read");
        let cases = text.split("\n---\n");
        let firsts = cases.filter_map(|case| case.lines().next()?.split_once(": "));
        sentences.extend(
            firsts
                .map(|(_, said)| said.to_owned())
                .filter(|said| !said.starts_with("accepted")),
        );
    }
    check_all(sentences);
}

#[test]
fn sentence_of_the_corpus_has_a_kind() {
    check_all(reasons(&repository().join("corpus/verdicts.csv"), 2, 7));
}

/// What a table of verdicts says of programs that were refused.
fn reasons(table: &Path, verdict: usize, reason: usize) -> Vec<String> {
    let mut reader = csv::Reader::from_path(table).expect("the table can be read");
    let records = reader.records().map(|record| record.expect("a row"));
    records
        .filter(|record| &record[verdict] == "failure")
        .map(|record| record[reason].to_owned())
        .collect()
}

/// What `EBPF_SIM_TRUTH` holds that is no reason: the last line of a log that says something else, or
/// ends amid a sentence, or a loader's remark.
const REMARKS: &[&str] = &[
    "old state: ",
    "Func#",
    "Using guessed program type ",
    "h its prototype",
    "rototype",
];

#[test]
fn sentence_of_the_selftests_has_a_kind() {
    let Some(truth) = std::env::var_os("EBPF_SIM_TRUTH") else {
        return;
    };
    let all = reasons(&PathBuf::from(truth), 2, 7);
    let is_remark =
        |said: &String| said.is_empty() || REMARKS.iter().any(|remark| said.starts_with(remark));
    check_all(all.into_iter().filter(|said| !is_remark(said)));
}

#[test]
fn sentence_in_the_sources_has_a_kind() {
    let mut files = vec![repository().join("src/verifier")];
    let mut sentences = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("it can be read");
            files.extend(entries.map(|entry| entry.expect("it can be read").path()));
        } else if !path.ends_with("fail.rs") && !path.ends_with("tests.rs") {
            let source = std::fs::read_to_string(path).expect("it can be read");
            sentences.extend(said_in(&source));
        }
    }
    assert!(sentences.len() > 100, "only {} were found", sentences.len());
    check_all(sentences);
}

/// Holes of sentences in the sources, and something that stands there.
const HOLES: &[(&str, &str)] = &[
    (" has{known} should", " has smin=1 should"),
    ("invalid {name} access", "invalid sock access"),
    (
        "{type_name} prohibited, null-check",
        "sock_or_null prohibited, null-check",
    ),
    (
        "{PROHIBITED}",
        "pointer arithmetic with it prohibited for !root",
    ),
    ("R{} {refusal}", "R1 pointer comparison prohibited"),
    ("misaligned {name}access", "misaligned stack access"),
    ("{place} the register", "At program exit the register"),
];

/// The sentences that a source gives to the constructors of a failed check, their holes left as they are.
fn said_in(source: &str) -> Vec<String> {
    let calls = ["Fail::access(", "Fail::invalid(", "Fail::new("];
    let mut said = Vec::new();
    for call in calls {
        for (at, _) in source.match_indices(call) {
            let arguments = &source[at + call.len()..];
            let statement = arguments.split(";\n").next().unwrap_or_default();
            let Some((before, literal)) = statement.split_once('"') else {
                continue;
            };
            // Only a literal that is the sentence itself, not one further down.
            let is_sentence = before.trim_end().ends_with("format!(")
                || before.trim().is_empty()
                || before.trim_start().starts_with("Errno::") && before.matches('(').count() == 0;
            if is_sentence {
                let text = literal_text(literal);
                said.push(
                    HOLES
                        .iter()
                        .fold(text, |text, (hole, filled)| text.replace(hole, filled)),
                );
            }
        }
    }
    said
}

/// A literal up to its closing quote, with lines that go on joined.
fn literal_text(rest: &str) -> String {
    let mut text = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' if chars.next_if_eq(&'\n').is_some() => {
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
            }
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}
