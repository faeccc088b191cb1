//! Verdicts as JSON, schema 1.

use ebpf_sim::isa::Pc;
use ebpf_sim::object::Program;
use ebpf_sim::report::{source_file, source_line};
use ebpf_sim::verifier::reason::{self, Kind};
use ebpf_sim::verifier::{Rejection, Stats};
use serde::Serialize;

use super::{Judged, Verdict};

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: u32,
    programs: Vec<Entry>,
    #[serde(skip)]
    with_log: bool,
}

#[derive(Debug, Serialize)]
struct Entry {
    file: String,
    program: String,
    section: Option<String>,
    #[serde(rename = "type")]
    prog_type: Option<&'static str>,
    verdict: &'static str,
    stats: StatsEntry,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
}

#[derive(Debug, Serialize)]
struct StatsEntry {
    total_insns: u64,
    total_states: u64,
    peak_states: u64,
    max_states_per_insn: u64,
}

/// Why a program was refused. What does not apply is null.
#[derive(Debug, Default, Serialize)]
struct Refusal {
    /// The code of its kind, which `ebpf-sim explain` explains.
    code: Option<String>,
    reason: String,
    detail: Option<String>,
    errno: Option<i32>,
    pc: Option<u32>,
    source: Option<Source>,
    registers: serde_json::Map<String, serde_json::Value>,
    hint: Option<&'static str>,
    /// Refused because the simulator cannot judge it yet.
    unsupported: bool,
}

#[derive(Debug, Serialize)]
struct Source {
    file: String,
    line: u32,
    column: u32,
    text: String,
}

impl Report {
    /// An empty report; `with_log` says whether logs go in.
    pub(super) fn new(with_log: bool) -> Report {
        Report {
            schema: 1,
            programs: Vec::new(),
            with_log,
        }
    }

    pub(super) fn push(&mut self, judged: &Judged) {
        let program = judged.program.as_deref();
        let log = match &judged.verdict {
            Verdict::Accepted(verified) => Some(&verified.log),
            Verdict::Rejected(rejection) => Some(&rejection.log),
            Verdict::Kernel(answer) => Some(&answer.log),
            Verdict::NotLinked(_) => None,
        };
        self.programs.push(Entry {
            file: judged.file.clone(),
            program: judged.name.clone(),
            section: section(judged),
            prog_type: program.map(|program| program.prog_type.name()),
            verdict: judged.verdict.name(),
            stats: stats(judged.verdict.stats()),
            refusal: refusal(judged),
            log: log.filter(|_| self.with_log).cloned(),
        });
    }
}

fn section(judged: &Judged) -> Option<String> {
    match (&judged.program, &judged.verdict) {
        (Some(program), _) => Some(program.section.clone()),
        (None, Verdict::NotLinked(error)) => Some(error.section.clone()),
        (None, Verdict::Accepted(_) | Verdict::Rejected(_) | Verdict::Kernel(_)) => None,
    }
}

fn stats(stats: Stats) -> StatsEntry {
    StatsEntry {
        total_insns: stats.insns_processed,
        total_states: stats.total_states,
        peak_states: stats.peak_states,
        max_states_per_insn: stats.max_states_per_insn,
    }
}

fn refusal(judged: &Judged) -> Option<Refusal> {
    match &judged.verdict {
        Verdict::Accepted(_) => None,
        Verdict::Rejected(rejection) => Some(rejected(judged.program.as_deref(), rejection)),
        Verdict::Kernel(answer) => answer.refusal.as_ref().map(|(reason, errno)| Refusal {
            code: code(reason::of(reason)),
            reason: reason.clone(),
            errno: *errno,
            pc: answer.pc,
            source: judged
                .program
                .as_deref()
                .zip(answer.pc)
                .and_then(|(program, pc)| source(program, Pc(pc))),
            ..Refusal::default()
        }),
        Verdict::NotLinked(error) => Some(Refusal {
            reason: error.source.to_string(),
            ..Refusal::default()
        }),
    }
}

fn rejected(program: Option<&Program>, rejection: &Rejection) -> Refusal {
    Refusal {
        code: code(rejection.kind),
        reason: rejection.message.clone(),
        detail: rejection.detail.clone(),
        errno: Some(rejection.errno.number()),
        pc: rejection.pc.map(|pc| pc.0),
        source: program
            .zip(rejection.pc)
            .and_then(|(program, pc)| source(program, pc)),
        registers: rejection
            .registers
            .iter()
            .map(|(reg, state)| (reg.to_string(), state.as_str().into()))
            .collect(),
        hint: rejection.kind.map(|kind| kind.advice),
        unsupported: rejection.unsupported,
    }
}

fn code(kind: Option<&Kind>) -> Option<String> {
    kind.map(|kind| kind.code.to_string())
}

fn source(program: &Program, pc: Pc) -> Option<Source> {
    let line = source_line(program, pc)?;
    Some(Source {
        file: source_file(line).to_owned(),
        line: line.line,
        column: line.column,
        text: line.text.trim().to_owned(),
    })
}
