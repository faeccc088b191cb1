//! Differences for machines: JSON, schema 1, and CSV.

use ebpf_sim::diff::{Decision, Judgement};
use serde::Serialize;

use super::{Entry, Outcome};

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    schema: u32,
    kernel: &'a str,
    programs: Vec<Row<'a>>,
    vanished: &'a [String],
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    file: &'a str,
    program: &'a str,
    section: &'a str,
    simulator: Side<'a>,
    kernel: Side<'a>,
    runs: u32,
    differences: Vec<Difference<'a>>,
    not_compared: &'a [String],
}

#[derive(Debug, Serialize)]
struct Side<'a> {
    verdict: &'static str,
    errno: Option<i32>,
    reason: Option<&'a str>,
    total_insns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Difference<'a> {
    what: &'a str,
    simulator: &'a str,
    kernel: &'a str,
    /// The reason where it is known.
    known: Option<&'a str>,
}

impl<'a> Report<'a> {
    /// Everything, with logs if they are wanted.
    pub(super) fn new(outcome: &'a Outcome, with_logs: bool) -> Report<'a> {
        Report {
            schema: 1,
            kernel: &outcome.release,
            programs: outcome
                .entries
                .iter()
                .map(|entry| row(entry, with_logs))
                .collect(),
            vanished: &outcome.vanished,
        }
    }
}

fn row(entry: &Entry, with_logs: bool) -> Row<'_> {
    let compared = &entry.compared;
    Row {
        file: &entry.file,
        program: &compared.program,
        section: &compared.section,
        simulator: side(&compared.ours, with_logs),
        kernel: side(&compared.kernel, with_logs),
        runs: compared.runs,
        differences: entry
            .findings
            .iter()
            .map(|finding| Difference {
                what: &finding.difference.what,
                simulator: &finding.difference.ours,
                kernel: &finding.difference.kernel,
                known: finding.known.as_deref(),
            })
            .collect(),
        not_compared: &compared.notes,
    }
}

fn side(judgement: &Judgement, with_logs: bool) -> Side<'_> {
    let (verdict, errno, reason) = match &judgement.decision {
        Decision::Accepted => ("success", None, None),
        Decision::Refused { errno, reason } => ("failure", Some(*errno), Some(reason.as_str())),
        Decision::Unknown { reason } => ("unknown", None, Some(reason.as_str())),
    };
    Side {
        verdict,
        errno,
        reason,
        total_insns: judgement.insns,
        log: with_logs.then_some(judgement.log.as_str()),
    }
}

/// A row for each difference, and one for each program without.
pub(super) fn csv(outcome: &Outcome) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "file_name",
        "prog_name",
        "what",
        "simulator",
        "kernel",
        "known",
    ])?;
    for entry in &outcome.entries {
        let (file, program) = (entry.file.as_str(), entry.compared.program.as_str());
        if entry.findings.is_empty() {
            writer.write_record([file, program, "", "", "", ""])?;
        }
        for finding in &entry.findings {
            let difference = &finding.difference;
            let known = finding.known.as_deref().unwrap_or_default();
            let (what, ours) = (difference.what.as_str(), difference.ours.as_str());
            writer.write_record([file, program, what, ours, &difference.kernel, known])?;
        }
    }
    Ok(writer.into_inner()?)
}
