//! What came of a run, as text: what programs printed, what they returned, what they left.

use std::io::Write as _;

use ebpf_sim::code::Trap;
use ebpf_sim::report;
use ebpf_sim::sim::{ProgramRun, Record, Refusal, Selection, Sim, Verdict};

use super::{Came, Happened, Job, Output, hexdump, maps};
use crate::cli::Exit;

/// Says which programs cannot run, and why.
pub(super) fn refusals(output: &mut Output, sim: &Sim, json: bool) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for load in sim.loads() {
        for program in &load.programs {
            let Verdict::Refused(refusal) = &program.verdict else {
                continue;
            };
            exit = Exit::Refused;
            if json {
                continue;
            }
            let reason: &dyn std::error::Error = match refusal {
                Refusal::Link(error) => &error.source,
                Refusal::Rejected(_)
                | Refusal::Map { .. }
                | Refusal::Lower { .. }
                | Refusal::Replace { .. }
                | Refusal::Engine { .. } => refusal,
            };
            writeln!(
                output,
                "{}: {} cannot run: {reason}",
                load.name, program.name
            )?;
            match (refusal, &program.program) {
                (Refusal::Rejected(rejection), Some(program)) => {
                    let style = output.style();
                    writeln!(output, "{}", report::rejection(program, rejection, style))?;
                }
                _ => {
                    for cause in causes(reason) {
                        writeln!(output, "  {cause}")?;
                    }
                }
            }
            writeln!(output)?;
        }
    }
    Ok(exit)
}

/// What a refusal's own sentence leaves to its source.
fn causes(reason: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(reason.source(), |error| error.source())
        .map(ToString::to_string)
        .collect()
}

/// Prints everything.
pub(super) fn print(
    output: &mut Output,
    sim: &Sim,
    job: &Job,
    came: &Came<'_>,
) -> anyhow::Result<()> {
    let mut paragraphs = Paragraphs { output, any: false };
    let lost = sim.machine().trace.lost();
    let lost = (lost != 0).then(|| format!("[LOST {lost} EVENTS]"));
    paragraphs.push("", lost.into_iter().chain(sim.trace_lines()))?;
    for happened in &came.happened {
        paragraphs.push(&title(job, happened), answers(happened))?;
        paragraphs.push("", packet(happened))?;
        paragraphs.push("", written(happened))?;
        if let Some(trap) = happened.seen.trap() {
            let listing = trapped(sim, trap, paragraphs.output.style());
            paragraphs.push("", [listing])?;
        }
    }
    for map in maps::contents(sim, &job.maps)? {
        let rows = map
            .rows
            .iter()
            .map(|row| format!("  {}: {}", row.key, row.value));
        let zeros = match (map.rows.len(), map.zeros) {
            (0, 0) => Some("  empty".to_owned()),
            (0, zeros) => Some(format!("  all {zeros} are zero")),
            (_, 0) => None,
            (_, zeros) => Some(format!("  {zeros} more are zero")),
        };
        let head = format!("map {} ({})", map.name, map.map_type.name());
        paragraphs.push(&head, rows.chain(zeros))?;
    }
    let reader = &came.reader;
    for (lane, buffer) in reader.buffers() {
        let head = format!("records of {} ({})", buffer.name, buffer.map_type.name());
        let none = reader.read().is_empty(lane).then_some("  none\n");
        paragraphs.begin(&head)?;
        reader.read().write(lane, 0, paragraphs.output)?;
        write!(paragraphs.output, "{}", none.unwrap_or_default())?;
        if buffer.lost != 0 {
            writeln!(paragraphs.output, "  {} more found no room", buffer.lost)?;
        }
    }
    paragraphs.push("", idle(sim, job))
}

/// The programs that did not run, and what would run them.
fn idle(sim: &Sim, job: &Job) -> Vec<String> {
    let unreached = sim.unreached();
    let mut lines: Vec<String> = unreached
        .iter()
        .map(|program| {
            let (name, needs) = (&program.name, &program.needs);
            match &program.ended_by {
                Some(end) => format!("{name} did not run: {end} before it; try --prog {name}"),
                None => format!("{name} did not run: nothing here reaches it; try {needs}"),
            }
        })
        .collect();
    let programs = sim.loads().iter().flat_map(|load| &load.programs);
    // Of an object whose programs were chosen, the others are of no interest.
    let chosen = job.inputs.selection() != Selection::Autoload;
    let skipped = programs.filter(|program| !chosen && matches!(program.verdict, Verdict::Skipped));
    lines.extend(skipped.map(|program| {
        let name = &program.name;
        format!("{name} did not run: it is loaded only when asked for; try --prog {name}")
    }));
    lines
}

/// Paragraphs with blank lines between them; those without lines are left out.
struct Paragraphs<'a> {
    output: &'a mut Output,
    any: bool,
}

impl Paragraphs<'_> {
    fn begin(&mut self, heading: &str) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            writeln!(self.output)?;
        }
        if !heading.is_empty() {
            self.output.heading(heading)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        heading: &str,
        lines: impl IntoIterator<Item = String>,
    ) -> anyhow::Result<()> {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return Ok(());
        }
        self.begin(heading)?;
        for line in lines {
            writeln!(self.output, "{line}")?;
        }
        Ok(())
    }
}

/// What iterators wrote.
fn written(happened: &Happened<'_>) -> Vec<String> {
    let text = String::from_utf8_lossy(happened.seen.written());
    text.lines().map(str::to_owned).collect()
}

/// What happened, and how often.
fn title(job: &Job, happened: &Happened<'_>) -> String {
    let title = &happened.cue.title;
    match job.repeat {
        1 => title.clone(),
        times => format!("{title}, {times} times"),
    }
}

/// A line for each answer, with how often it came.
fn answers(happened: &Happened<'_>) -> Vec<String> {
    let times = |(line, count): &(String, u64)| match count {
        1 => line.clone(),
        count => format!("{line}, {count} times"),
    };
    let mut lines: Vec<String> = happened.seen.lines().iter().map(times).collect();
    let result = happened.seen.result();
    lines.extend(
        result
            .filter(|&result| result < 0)
            .map(|result| format!("  result: {result}")),
    );
    lines
}

/// What a program answered at a hook.
pub(super) fn returned(hook: &str, run: &ProgramRun) -> String {
    format!("  {hook}: {} {}", run.name, answer(run))
}

fn answer(run: &ProgramRun) -> String {
    let insns = run.insns;
    let insns = insns.map_or_else(String::new, |insns| format!(", {insns} instructions"));
    match (&run.outcome, run.verdict) {
        (Ok(value), Some(verdict)) => {
            let to = run.redirect();
            let to = to.map_or_else(String::new, |to| format!(" to {to}"));
            format!("returned {verdict} ({}){to}{insns}", signed(*value))
        }
        (Ok(value), None) => {
            let to = run.redirect();
            let to = to.map_or_else(String::new, |to| format!(" to {to}"));
            format!("returned {}{to}{insns}{}", signed(*value), changes(run))
        }
        (Err(trap), _) => format!("trapped: {trap}"),
    }
}

/// What a program changed of its context, and what it wrote to a parameter of the kernel.
fn changes(run: &ProgramRun) -> String {
    let fields = run.changed.iter();
    let fields = fields.map(|(name, _, after)| format!(", {name} = {after:#x}"));
    let written = run.written.iter();
    let written = written.map(|value| format!(", writes {:?}", String::from_utf8_lossy(value)));
    fields.chain(written).collect()
}

/// The return value as the kernel takes it: 32 bits with a sign.
fn signed(value: u64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "programs return an int")]
    let low = value as u32;
    low.cast_signed()
}

/// The packet afterwards, if it changed.
fn packet(happened: &Happened<'_>) -> Vec<String> {
    let before = happened.cue.packet();
    let after = happened.seen.packet();
    match (before, after) {
        (Some(before), Some(after)) if before != after => {
            let head = format!(
                "the packet changed, {} to {} bytes:",
                before.len(),
                after.len()
            );
            let diff = hexdump::diff(before, after);
            std::iter::once(head)
                .chain(diff.lines().map(str::to_owned))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A trap as a listing, if the program it was in is known.
fn trapped(sim: &Sim, trap: &Trap, style: report::Style) -> String {
    let mut programs = sim.loads().iter().flat_map(|load| &load.programs);
    let program = programs.find(|program| *program.name == *trap.program);
    match program.and_then(|program| program.program.as_deref()) {
        Some(program) => report::trap(program, trap, style),
        None => format!("error: {trap}"),
    }
}

/// A record by its type, or else its bytes.
pub(super) fn record(record: &Record) -> String {
    let cpu = record
        .cpu
        .map_or_else(String::new, |cpu| format!("CPU {cpu}: "));
    match &record.value {
        Some(value) => format!("  {cpu}{value}"),
        None => {
            let dump = hexdump::dump(&record.bytes);
            format!("  {cpu}{} bytes\n{}", record.bytes.len(), dump.trim_end())
        }
    }
}
