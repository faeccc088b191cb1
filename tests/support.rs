//! `docs/support.md` is what the code's own tables say. `BLESS=1 cargo test --release --test support`
//! writes it anew.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::path::Path;

use ebpf_sim::abi::{MapType, helpers, kfuncs};
use ebpf_sim::helpers::kfunc::support as of_kfunc;
use ebpf_sim::helpers::support as of_helper;
use ebpf_sim::maps::{Support, support as of_map};

/// What stands before the tables.
const INTRODUCTION: &str = "\
# What is supported

What of Linux 6.12's maps, helpers and kernel functions the simulator has. This file is written by `tests/support.rs` from
the tables in the code, and a test fails when they differ.

*full*: as in the kernel. *partial*: all but what is said. *refused*: a program that needs it is refused by name when it
is loaded; nothing is silently left out.

Values of maps may have fields that the kernel treats specially (locks, timers, work queues, kernel pointers, lists, trees,
reference counts): readers see them as zero, writers leave them alone, and what they hold is released with the value.
";

fn fresh() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += "\n## Maps\n\n| type | since | support |\n| --- | --- | --- |\n";
    for map_type in MapType::all() {
        let row = (map_type.name(), map_type.since(), of_map(map_type));
        writeln!(text, "| `{}` | {} | {} |", row.0, row.1, words(row.2)).unwrap();
    }
    text += "\n## Helpers\n\n| number | helper | since | support |\n| --- | --- | --- | --- |\n";
    for helper in helpers::all() {
        let (number, name, since) = (helper.number, helper.name, helper.since);
        let support = words(of_helper(helper));
        writeln!(text, "| {number} | `{name}` | {since} | {support} |").unwrap();
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/support.md");
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
