//! The list of what is known to differ, each with its reason.
//!
//! A row explains a difference of one program; one whose program was compared and no longer differs
//! so is reported, lest the list rots.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ebpf_sim::diff::Compared;
use serde::Deserialize;

use super::{Entry, Finding};

/// What the list beside objects is called.
const NAME: &str = "known-differences.csv";

/// One row.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    object: String,
    program: String,
    what: String,
    /// The start of the releases it is about, empty for all.
    kernel: String,
    reason: String,
    #[serde(skip)]
    state: State,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Its program was not compared.
    #[default]
    Untried,
    /// Its program was compared and does not differ so.
    Vanished,
    /// It explained a difference.
    Used,
}

/// All rows that were read.
#[derive(Debug, Default)]
pub(super) struct Known {
    rows: Vec<Row>,
    read: BTreeSet<PathBuf>,
    /// Whether lists beside objects are read as well.
    beside: bool,
}

impl Known {
    /// The list that was named, or none yet.
    pub(super) fn new(file: Option<&Path>) -> anyhow::Result<Known> {
        let mut known = Known {
            beside: file.is_none(),
            ..Known::default()
        };
        if let Some(file) = file {
            known.read(file)?;
        }
        Ok(known)
    }

    /// Reads the list beside an object, if there is one and none was named.
    pub(super) fn load_beside(&mut self, object: &str) -> anyhow::Result<()> {
        let list = Path::new(object).with_file_name(NAME);
        if !self.beside || !list.is_file() || !self.read.insert(list.clone()) {
            return Ok(());
        }
        self.read(&list)
    }

    fn read(&mut self, file: &Path) -> anyhow::Result<()> {
        let name = || file.display().to_string();
        let mut reader = csv::Reader::from_path(file).with_context(name)?;
        for row in reader.deserialize() {
            self.rows.push(row.with_context(name)?);
        }
        Ok(())
    }

    /// Finds the reason of each difference.
    pub(super) fn explain(&mut self, file: &str, release: &str, compared: Compared) -> Entry {
        let object = file.rsplit('/').next().unwrap_or(file);
        let mut rows: Vec<&mut Row> = self
            .rows
            .iter_mut()
            .filter(|row| row.object == object && row.program == compared.program)
            .filter(|row| release.starts_with(&row.kernel))
            .collect();
        let has_run = compared.runs > 0;
        for row in &mut rows {
            let tried = has_run || matches!(row.what.as_str(), "verdict" | "errno");
            if tried && row.state == State::Untried {
                row.state = State::Vanished;
            }
        }
        let explain = |difference: &ebpf_sim::diff::Difference| {
            let row = rows.iter_mut().find(|row| row.what == difference.what);
            row.map(|row| {
                row.state = State::Used;
                row.reason.clone()
            })
        };
        let reasons: Vec<Option<String>> = compared.differences.iter().map(explain).collect();
        let findings = compared.differences.iter().cloned().zip(reasons);
        Entry {
            file: file.to_owned(),
            findings: findings
                .map(|(difference, known)| Finding { difference, known })
                .collect(),
            compared,
        }
    }

    /// The rows whose difference is gone.
    pub(super) fn vanished(&self, release: &str) -> Vec<String> {
        let gone = self.rows.iter().filter(|row| row.state == State::Vanished);
        gone.map(|row| {
            let Row {
                object,
                program,
                what,
                ..
            } = row;
            format!("{object}: {program}: {what} does not differ any more on {release}")
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebpf_sim::diff::{Difference, Judgement};

    fn known() -> Known {
        let row = |what: &str, kernel: &str| Row {
            object: "a.o".to_owned(),
            program: "p".to_owned(),
            what: what.to_owned(),
            kernel: kernel.to_owned(),
            reason: "because".to_owned(),
            state: State::Untried,
        };
        Known {
            rows: vec![
                row("verdict", ""),
                row("packet", "6.18"),
                row("errno", "6.12"),
            ],
            ..Known::default()
        }
    }

    fn compared(what: &str) -> Compared {
        Compared {
            program: "p".to_owned(),
            section: String::new(),
            ours: Judgement::default(),
            kernel: Judgement::default(),
            runs: 1,
            differences: vec![Difference {
                what: what.to_owned(),
                ours: String::new(),
                kernel: String::new(),
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn known_difference_is_explained_and_one_that_vanished_is_named() {
        let mut known = known();
        let entry = known.explain("corpus/a.o", "6.18.44", compared("verdict"));
        assert_eq!(entry.unexplained(), 0);
        let vanished = known.vanished("6.18.44");
        assert_eq!(
            vanished,
            ["a.o: p: packet does not differ any more on 6.18.44"]
        );
    }

    #[test]
    fn difference_on_another_release_is_not_explained() {
        let mut known = known();
        let entry = known.explain("a.o", "6.18.44", compared("errno"));
        assert_eq!(entry.unexplained(), 1);
        assert!(
            known
                .explain("b.o", "6.18.44", compared("verdict"))
                .unexplained()
                == 1
        );
    }
}
