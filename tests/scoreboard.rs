//! The kernel's own test programs: what we say of each, beside what Linux 6.12 said.
//!
//! `EBPF_SIM_OBJECTS` names the folder with the objects, `EBPF_SIM_TRUTH` the kernel's verdicts as
//! veristat prints them, with a column `stage` (`loader` where the verifier was never asked) and a
//! column `reason`. Without them the test says that it is skipped. Where we disagree for a reason
//! that is known stands in `tests/scoreboard/known.csv`; a new disagreement fails, and so does one
//! that is gone. `BLESS=1` writes the list anew, with the reasons that it has.
//!
//! Programs that replace functions were judged without a target there, each as the type that its context is of: what
//! veristat does with them is done here.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ebpf_sim::abi::ProgType;
use ebpf_sim::btf::Type;
use ebpf_sim::object::{LinkOptions, Needs, Object, Program};
use ebpf_sim::verifier::{Env, verify};

/// An object and a program of it.
type Key = (String, String);

/// A verdict and its reason.
struct Verdict {
    accepted: bool,
    reason: String,
}

const KNOWN: &str = "tests/scoreboard/known.csv";

/// The folder or file that a variable names; says that the test is skipped if it names none.
fn given(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        let said = writeln!(
            std::io::stderr(),
            "skipped: {variable} names nothing that is there"
        );
        said.expect("standard error is open");
    }
    path
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).expect("the table is readable");
    let rows = reader.deserialize();
    rows.map(|row| row.expect("each row has its columns"))
        .collect()
}

fn text(row: &BTreeMap<String, String>, column: &str) -> String {
    row.get(column).cloned().unwrap_or_default()
}

/// What Linux said, of what its verifier was asked about.
fn theirs(truth: &Path) -> BTreeMap<Key, Verdict> {
    let rows = rows(truth);
    let judged = rows.iter().filter(|row| text(row, "stage") != "loader");
    let verdict = |row: &BTreeMap<String, String>| {
        let key = (text(row, "file_name"), text(row, "prog_name"));
        let accepted = text(row, "verdict") == "success";
        let reason = text(row, "reason");
        (key, Verdict { accepted, reason })
    };
    judged.map(verdict).collect()
}

/// What we say.
fn ours(objects: &Path) -> BTreeMap<Key, Verdict> {
    let entries = std::fs::read_dir(objects).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("it is readable").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "o"))
        .collect();
    files.sort();
    let output = Command::new(env!("CARGO_BIN_EXE_ebpf-sim"))
        .args(["verify", "--format", "json"])
        .args(&files)
        .output()
        .expect("the command starts");
    let document: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let programs = document["programs"].as_array().expect("a list of programs");
    let verdict = |program: &serde_json::Value| {
        let file = Path::new(program["file"].as_str().expect("a file")).file_name();
        let file = file.expect("it has a name").to_string_lossy().into_owned();
        let name = program["program"].as_str().expect("a name").to_owned();
        let accepted = program["verdict"] == "success";
        let reason = program["refusal"]["reason"].as_str().unwrap_or_default();
        let reason = reason.to_owned();
        ((file, name), Verdict { accepted, reason })
    };
    programs
        .iter()
        .map(verdict)
        .chain(files.iter().flat_map(|file| replacing(file)))
        .collect()
}

/// What we say of the programs of a file that replace functions, each judged as what its context tells.
fn replacing(file: &Path) -> Vec<(Key, Verdict)> {
    let bytes = std::fs::read(file).expect("the file is readable");
    let name = file.file_name().expect("it has a name").to_string_lossy();
    let Ok(object) = Object::parse(&name, &bytes) else {
        return Vec::new();
    };
    let options = LinkOptions {
        needs: Needs::Unattached,
        ..LinkOptions::default()
    };
    let linked = object.link(&options).programs.into_iter().flatten();
    let replacing = linked.filter(|program| program.prog_type == ProgType::Ext);
    replacing
        .filter_map(|mut program| {
            program.set_type(guessed_type(&program)?)?;
            let key = (name.to_string(), program.name.clone());
            let judged = verify(&Arc::new(program), &Env::default());
            let reason = judged
                .as_ref()
                .err()
                .map(|rejection| rejection.message.clone());
            let verdict = Verdict {
                accepted: judged.is_ok(),
                reason: reason.unwrap_or_default(),
            };
            Some((key, verdict))
        })
        .collect()
}

/// The section that a program's only argument is the context of, after veristat's table.
fn guessed_type(program: &Program) -> Option<&'static str> {
    let btf = program.btf.as_deref()?;
    let Type::Func { proto, .. } = btf.ty(program.subprogs.first()?.func?) else {
        return None;
    };
    let Type::FuncProto { params, .. } = btf.ty(proto) else {
        return None;
    };
    let mut params = params.iter();
    let (Some(param), None) = (params.next(), params.next()) else {
        return None;
    };
    let Type::Ptr { to } = btf.resolved(param.ty) else {
        return None;
    };
    Some(match btf.resolved(to).name() {
        "__sk_buff" => "tc",
        "bpf_sock_addr" => "cgroup/bind4",
        "xdp_md" => "xdp",
        "pt_regs" => "kprobe",
        _ => return None,
    })
}

/// What the list says of a program: which way we are wrong, and why.
fn known() -> BTreeMap<Key, (String, String)> {
    let rows = rows(&Path::new(env!("CARGO_MANIFEST_DIR")).join(KNOWN));
    let row = |row: &BTreeMap<String, String>| {
        let key = (text(row, "object"), text(row, "program"));
        (key, (text(row, "kind"), text(row, "reason")))
    };
    rows.iter().map(row).collect()
}

/// Writes the list anew.
fn bless(wrong: &BTreeMap<Key, (&'static str, String)>) {
    let known = known();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(KNOWN);
    let mut writer = csv::Writer::from_path(path).expect("the list is writable");
    let header = ["object", "program", "kind", "reason"];
    writer.write_record(header).expect("it is written");
    for (key, (kind, reason)) in wrong {
        // What was written by hand stays; our own sentence may have changed.
        let reason = match known.get(key) {
            Some((_, known)) if *kind == "false accept" => known,
            Some(_) | None => reason,
        };
        let row = [key.0.as_str(), &key.1, kind, reason];
        writer.write_record(row).expect("it is written");
    }
    writer.flush().expect("it is written");
}

#[test]
fn verdicts_on_the_kernels_own_tests_are_linuxs_but_for_known_ones() {
    let (Some(objects), Some(truth)) = (given("EBPF_SIM_OBJECTS"), given("EBPF_SIM_TRUTH")) else {
        return;
    };
    let (theirs, ours) = (theirs(&truth), ours(&objects));
    let mut wrong = BTreeMap::new();
    for (key, theirs) in &theirs {
        let disagreement = match ours.get(key) {
            None => ("missing", "the program is not found".to_owned()),
            Some(ours) if ours.accepted == theirs.accepted => continue,
            Some(ours) if ours.accepted => ("false accept", format!("Linux: {}", theirs.reason)),
            Some(ours) => ("false reject", ours.reason.clone()),
        };
        wrong.insert(key.clone(), disagreement);
    }
    let (agree, all) = (theirs.len() - wrong.len(), theirs.len());
    let said = writeln!(std::io::stderr(), "{agree} of {all} verdicts agree");
    said.expect("standard error is open");
    if std::env::var_os("BLESS").is_some() {
        return bless(&wrong);
    }
    let known = known();
    let mut offences = Vec::new();
    for (key, (kind, reason)) in &wrong {
        if known.get(key).is_none_or(|(known, _)| known != kind) {
            offences.push(format!("{} {}: {kind}: {reason}", key.0, key.1));
        }
    }
    let gone = known.keys().filter(|key| !wrong.contains_key(*key));
    offences.extend(gone.map(|key| format!("{} {}: agrees now", key.0, key.1)));
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}
