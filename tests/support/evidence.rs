//! What shows that a helper or a map type does what the kernel's does.
//!
//! Either a program of the corpus that `ebpf-sim diff` runs on both sides uses it, which is found out here from the
//! objects themselves, or a row of `helpers.csv` or `maps.csv` names a test and the file of the kernel that its
//! expectation is of.
//!
//! Rules:
//! - A program counts if it is accepted and [`diff::is_run`] says that it runs by itself.
//! - A row counts if its test exists, and nothing of the corpus makes it needless.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ebpf_sim::diff;
use ebpf_sim::object::{LinkOptions, Object, Program};
use ebpf_sim::verifier::{Env, verify};

/// Operation code of a call, and the source that makes it one of a helper.
const CALL: (u8, u8) = (0x85, 0);
/// Operation code of a load of 64 bits, and the sources that make it one of a map or of a map's value.
const LOAD: (u8, [u8; 2]) = (0x18, [1, 2]);

/// Objects of the corpus by what their programs use that run on both sides.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// By number of the helper.
    pub(crate) helpers: BTreeMap<u32, BTreeSet<String>>,
    /// By name of the map's type.
    pub(crate) maps: BTreeMap<&'static str, BTreeSet<String>>,
}

/// What stands in a list in place of a program.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Row {
    /// Name of the helper or map type.
    pub(crate) name: String,
    /// The test: a file below the top of the repository, `::` and the function.
    pub(crate) test: String,
    /// The kernel's source file.
    pub(crate) source: String,
    /// Its version.
    pub(crate) version: String,
    /// What is expected.
    pub(crate) expected: String,
    /// Why a kernel cannot be asked in a test run.
    pub(crate) reason: String,
}

impl Census {
    /// Of all objects of the corpus.
    pub(crate) fn take() -> Census {
        let mut census = Census::default();
        let entries = std::fs::read_dir(root().join("corpus")).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "o")) {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let object = Object::parse(&name, &std::fs::read(&file).unwrap()).unwrap();
            let linked = object.link(&LinkOptions::default());
            let programs = linked.programs.into_iter().flatten().map(Arc::new);
            for program in programs.filter(runs) {
                census.add(&name, &program);
            }
        }
        census
    }

    fn add(&mut self, object: &str, program: &Program) {
        for insn in &program.code {
            if (insn.opcode, insn.src) == CALL {
                let number = insn.imm.cast_unsigned();
                let objects = self.helpers.entry(number).or_default();
                objects.insert(object.to_owned());
            }
            if insn.opcode == LOAD.0 && LOAD.1.contains(&insn.src) {
                let map = &program.maps[usize::try_from(insn.imm).unwrap()];
                let objects = self.maps.entry(map.map_type.name()).or_default();
                objects.insert(object.to_owned());
            }
        }
    }
}

fn runs(program: &Arc<Program>) -> bool {
    diff::is_run(program) && verify(program, &Env::default()).is_ok()
}

/// The rows of a list by name.
pub(crate) fn rows(list: &str) -> BTreeMap<String, Row> {
    let path = root().join("tests/support").join(list);
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows = reader.deserialize().map(Result::unwrap);
    let mut found = BTreeMap::new();
    for row in rows.collect::<Vec<Row>>() {
        let name = row.name.clone();
        assert!(found.insert(name, row).is_none(), "{list}: a name twice");
    }
    found
}

/// What is wrong with a row, if something is.
pub(crate) fn wrong(row: &Row) -> Option<String> {
    let name = &row.name;
    let Some((file, function)) = row.test.split_once("::") else {
        return Some(format!("{name}: `{}` is no FILE::FUNCTION", row.test));
    };
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    if !has_test(&text, function) {
        return Some(format!("{name}: there is no test `{}`", row.test));
    }
    let said = [&row.source, &row.version, &row.expected, &row.reason];
    said.iter()
        .any(|text| text.is_empty())
        .then(|| format!("{name}: something is not said"))
}

/// Whether a source has a test of that name: a function without arguments, under the attribute.
fn has_test(text: &str, function: &str) -> bool {
    let head = format!("fn {function}() {{");
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if marked && line == head {
            return true;
        }
        // Other attributes may stand between.
        marked = line == "#[test]" || marked && line.starts_with("#[");
    }
    false
}

/// The column of a table.
pub(crate) fn words(objects: Option<&BTreeSet<String>>, row: Option<&Row>) -> String {
    match (objects, row) {
        (Some(objects), _) => {
            let first: Vec<String> = objects
                .iter()
                .take(3)
                .map(|name| format!("`{name}`"))
                .collect();
            match objects.len().saturating_sub(first.len()) {
                0 => format!("corpus: {}", first.join(", ")),
                more => format!("corpus: {} and {more} more", first.join(", ")),
            }
        }
        (None, Some(row)) => format!(
            "`{}`: {}; {} ({})",
            row.test, row.expected, row.source, row.version
        ),
        (None, None) => String::new(),
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
