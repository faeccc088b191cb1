//! `docs/support.md` is what the code's own tables say, and what shows that it is so. `BLESS=1 cargo test --release
//! --test support` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod evidence;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ebpf_sim::abi::{MapType, helpers, kfuncs};
use ebpf_sim::helpers::kfunc::support as of_kfunc;
use ebpf_sim::helpers::support as of_helper;
use ebpf_sim::maps::{Support, support as of_map};

use evidence::{Census, Row, root, rows, words as shown_by, wrong};

/// The lists of what the corpus does not show.
const MAPS: &str = "maps.csv";
const HELPERS: &str = "helpers.csv";

/// What stands before the tables.
const INTRODUCTION: &str = "\
# What is supported

What of Linux 6.12's maps, helpers and kernel functions the simulator has. This file is written by `tests/support` from
the tables in the code, and a test fails when they differ.

*full*: as in the kernel. *partial*: all but what is said. *refused*: a program that needs it is refused by name when it
is loaded; nothing is silently left out.

Values of maps may have fields that the kernel treats specially (locks, timers, work queues, kernel pointers, lists, trees,
reference counts): readers see them as zero, writers leave them alone, and what they hold is released with the value.
";

fn fresh() -> String {
    let mut text = INTRODUCTION.to_owned();
    let census = Census::take();
    let (map_rows, helper_rows) = (rows(MAPS), rows(HELPERS));
    text += "\n## Maps\n\n| type | since | support | shown by |\n| --- | --- | --- | --- |\n";
    for map_type in MapType::all() {
        let (name, since, support) = (map_type.name(), map_type.since(), words(of_map(map_type)));
        let shown = shown_by(census.maps.get(name), map_rows.get(name));
        writeln!(text, "| `{name}` | {since} | {support} | {shown} |").unwrap();
    }
    text += "\n## Helpers\n\n| number | helper | since | support | shown by |\n| --- | --- | --- | --- | --- |\n";
    for helper in helpers::all() {
        let (number, name, since) = (helper.number, helper.name, helper.since);
        let support = words(of_helper(helper));
        let shown = shown_by(census.helpers.get(&number), helper_rows.get(name));
        writeln!(
            text,
            "| {number} | `{name}` | {since} | {support} | {shown} |"
        )
        .unwrap();
    }
    text += "\n## Kernel functions\n\nThese are judged. A program that calls one that is judged but not run is refused \
             when it is loaded to run. Calls of all others are refused.\n\n| function | since | support |\n| --- | --- | --- |\n";
    for kfunc in kfuncs::all() {
        let support = words(of_kfunc(kfunc));
        writeln!(text, "| `{}` | {} | {support} |", kfunc.name, kfunc.since).unwrap();
    }
    text
}

fn words(support: Support) -> String {
    match support {
        Support::Full => "full".to_owned(),
        Support::Partial(what) => format!("partial: {what}"),
        Support::Refused(why) => format!("refused: {why}"),
    }
}

#[test]
fn support_table_is_what_the_code_says() {
    let path = root().join("docs/support.md");
    let fresh = fresh();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    for (number, (old, new)) in (1..).zip(text.lines().zip(fresh.lines())) {
        assert_eq!(old, new, "docs/support.md:{number}");
    }
    assert_eq!(text, fresh);
}

/// What is wrong with the evidence for something: there is none, too much, or none that holds.
fn lacks(name: &str, refused: bool, in_corpus: bool, row: Option<&Row>) -> Option<String> {
    match (refused, in_corpus, row) {
        (true, _, None) | (false, true, None) => None,
        (true, _, Some(_)) => Some(format!("{name}: refused, its row is needless")),
        (false, true, Some(_)) => Some(format!("{name}: the corpus shows it, its row is needless")),
        (false, false, Some(row)) => wrong(row),
        (false, false, None) => Some(format!("{name}: nothing shows what it does")),
    }
}

fn check(offences: &[String], rows: &BTreeMap<String, Row>, names: &[&str]) {
    let unknown: Vec<&String> = rows
        .keys()
        .filter(|name| !names.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "rows of nothing: {unknown:?}");
    assert!(
        offences.is_empty(),
        "{} without evidence:\n{}",
        offences.len(),
        offences.join("\n")
    );
}

#[test]
fn every_helper_that_is_not_refused_has_evidence() {
    let (census, rows) = (Census::take(), rows(HELPERS));
    let offences: Vec<String> = helpers::all()
        .filter_map(|helper| {
            let refused = matches!(of_helper(helper), Support::Refused(_));
            let in_corpus = census.helpers.contains_key(&helper.number);
            lacks(helper.name, refused, in_corpus, rows.get(helper.name))
        })
        .collect();
    let names: Vec<&str> = helpers::all().map(|helper| helper.name).collect();
    check(&offences, &rows, &names);
}

#[test]
fn every_map_type_that_is_not_refused_has_evidence() {
    let (census, rows) = (Census::take(), rows(MAPS));
    let offences: Vec<String> = MapType::all()
        .filter_map(|map_type| {
            let name = map_type.name();
            let refused = matches!(of_map(map_type), Support::Refused(_));
            lacks(
                name,
                refused,
                census.maps.contains_key(name),
                rows.get(name),
            )
        })
        .collect();
    let names: Vec<&str> = MapType::all().map(MapType::name).collect();
    check(&offences, &rows, &names);
}

#[test]
fn every_helper_that_is_full_has_a_body_and_a_prototype() {
    for helper in helpers::all() {
        let number = i32::try_from(helper.number).unwrap();
        let runs = ebpf_sim::helpers::has_body(number);
        if of_helper(helper) == Support::Full {
            assert!(runs && helper.prototype.is_some(), "{}", helper.name);
        }
        if matches!(of_helper(helper), Support::Refused(_)) {
            assert!(!runs || helper.prototype.is_none(), "{}", helper.name);
        }
    }
}
