//! What came of a run, as JSON, schema 1.
//!
//! Bytes are hexadecimal strings; numbers that JSON readers round are strings of digits. What there is one of for each event
//! is made text at once and put aside until its place in the document has come.

use std::io::{self, Write};

use ebpf_sim::btf::Value;
use ebpf_sim::sim::{Firing, Load, LoadedProgram, ProgramRun, Record, Refusal, Sim, Verdict};
use serde_json::{Map, Value as Json, json};

use super::cues::Cue;
use super::maps::{self, Contents, Held};
use super::spool::Spool;
use super::{Came, Job};

/// Writes the document.
pub(super) fn print(
    out: &mut impl Write,
    sim: &Sim,
    job: &Job,
    came: &Came<'_>,
) -> anyhow::Result<()> {
    let programs = sim.loads().iter().flat_map(|load| {
        load.programs
            .iter()
            .map(|program| self::program(load, program))
    });
    let unreached = sim.unreached();
    let unreached = unreached
        .iter()
        .filter(|program| job.inputs.wants_name(&program.name))
        .map(|it| json!({ "object": it.object, "program": it.name, "needs": it.needs, "ended_by": it.ended_by }));
    let (reader, every) = (&came.reader, &came.every);
    let events = (0..job.cues.len()).flat_map(|lane| every.iter().map(move |cpu| (cpu, lane)));
    let records = reader.buffers().map(|(lane, _)| (reader.read(), lane));
    let lost = reader.buffers().filter(|(_, buffer)| buffer.lost != 0);
    let lost = lost.map(|(_, buffer)| json!({ "map": buffer.name, "records": buffer.lost }));
    let maps = maps::contents(sim, &job.maps)?;
    write!(out, "{{\n  \"schema\": 1")?;
    field(out, "programs", &programs.collect())?;
    field(out, "trace", &sim.trace_lines().into())?;
    field(out, "trace_lost", &sim.machine().trace.lost().into())?;
    list(out, "events", events)?;
    field(out, "maps", &maps.iter().map(map).collect())?;
    list(out, "records", records)?;
    field(out, "lost", &lost.collect())?;
    field(out, "unreached", &unreached.collect())?;
    writeln!(out, "\n}}")?;
    Ok(())
}

/// Writes a member of the document.
fn field(out: &mut impl Write, name: &str, value: &Json) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": {}", indented(value, "\n  "))
}

/// Writes a list whose elements were put aside.
fn list<'a>(
    out: &mut impl Write,
    name: &str,
    lanes: impl Iterator<Item = (&'a Spool, usize)>,
) -> io::Result<()> {
    write!(out, ",\n  \"{name}\": [")?;
    let mut lanes = lanes
        .filter(|(spool, lane)| !spool.is_empty(*lane))
        .peekable();
    let end = lanes.peek().map_or("]", |_| "\n  ]");
    // Only the first element has no comma before it.
    let skips = std::iter::once(1).chain(std::iter::repeat(0));
    for ((spool, lane), skip) in lanes.zip(skips) {
        spool.write(lane, skip, out)?;
    }
    write!(out, "{end}")
}

/// An element of a list that is put aside.
pub(super) fn element(value: &Json) -> String {
    format!(",\n    {}", indented(value, "\n    "))
}

/// A value as it stands in the document, where lines begin like that. No text in JSON has a line break of its own.
fn indented(value: &Json, start: &str) -> String {
    format!("{value:#}").replace('\n', start)
}

fn program(load: &Load, program: &LoadedProgram) -> Json {
    let (verdict, reason) = match &program.verdict {
        Verdict::Accepted { .. } => ("accepted", None),
        Verdict::Unverified { .. } => ("unverified", None),
        Verdict::Skipped => ("skipped", None),
        Verdict::Refused(refusal) => ("refused", Some(reason(refusal))),
    };
    let code = match &program.verdict {
        Verdict::Refused(Refusal::Rejected(rejection)) => {
            rejection.kind.map(|kind| kind.code.to_string())
        }
        Verdict::Refused(
            Refusal::Link(_)
            | Refusal::Map { .. }
            | Refusal::Lower { .. }
            | Refusal::Replace { .. }
            | Refusal::Engine { .. },
        )
        | Verdict::Accepted { .. }
        | Verdict::Unverified { .. }
        | Verdict::Skipped => None,
    };
    json!({
        "object": load.name,
        "program": program.name,
        "section": program.section,
        "verdict": verdict,
        "code": code,
        "reason": reason,
    })
}

fn reason(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Link(error) => error.source.to_string(),
        Refusal::Rejected(rejection) => rejection.message.clone(),
        Refusal::Map { error, .. } => error.to_string(),
        Refusal::Lower { error, .. } => error.to_string(),
        Refusal::Replace { error, .. } => error.to_string(),
        Refusal::Engine { error, .. } => error.to_string(),
    }
}

/// One time that a cue was given.
pub(super) fn firing(cue: &Cue, firing: &Firing) -> Json {
    let hooks = firing
        .hooks
        .iter()
        .filter(|hook| !hook.runs.is_empty())
        .map(|hook| {
            let runs: Vec<Json> = hook.runs.iter().map(run).collect();
            json!({ "hook": hook.hook, "runs": runs })
        });
    json!({
        "event": cue.title,
        "cpu": firing.cpu.0,
        "hooks": hooks.collect::<Vec<_>>(),
        "result": firing.result,
        "packet": firing.packet.as_deref().map(hex),
        "output": firing.output.as_deref().map(String::from_utf8_lossy),
    })
}

fn run(run: &ProgramRun) -> Json {
    let (returned, trap) = match &run.outcome {
        Ok(value) => (number((*value).into()), Json::Null),
        Err(trap) => {
            let cause = trap.cause.to_string();
            (
                Json::Null,
                json!({ "program": &*trap.program, "pc": trap.pc.0, "cause": cause }),
            )
        }
    };
    json!({
        "program": &*run.name,
        "returned": returned,
        "verdict": run.verdict,
        "redirect": run.redirect().map(ToString::to_string),
        "trap": trap,
        "insns": run.insns,
        "tail_calls": run.tail_calls,
        "changed": run.changed.iter().map(|(name, _, after)| ((*name).to_owned(), number(i128::from(*after)))).collect::<Map<_, _>>(),
        "written": run.written.as_deref().map(String::from_utf8_lossy),
    })
}

fn map(contents: &Contents) -> Json {
    let row = |row: &maps::Row| match &row.value {
        Held::One(held) => json!({ "key": value(&row.key), "value": value(held) }),
        Held::Cpus(cpus) => {
            let cpu = |(cpu, held): &(ebpf_sim::machine::CpuId, Value)| json!({ "cpu": cpu.0, "value": value(held) });
            json!({ "key": value(&row.key), "cpus": cpus.iter().map(cpu).collect::<Vec<_>>() })
        }
    };
    json!({
        "name": contents.name,
        "type": contents.map_type.name(),
        "entries": contents.rows.iter().map(row).collect::<Vec<_>>(),
        "zero_entries": contents.zeros,
    })
}

/// A record that came out of a buffer.
pub(super) fn record(buffer: &str, record: &Record) -> Json {
    json!({
        "map": buffer,
        "cpu": record.cpu.map(|cpu| cpu.0),
        "bytes": hex(&record.bytes),
        "value": record.value.as_ref().map(value),
    })
}

/// A typed value; addresses are numbers.
fn value(typed: &Value) -> Json {
    match typed {
        Value::Int(int) => number(*int),
        Value::Wide(wide) => wide.to_string().into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Float(float) => json!(float),
        Value::Enum {
            name: Some(name), ..
        } => name.as_str().into(),
        Value::Enum { name: None, value } => number(*value),
        Value::Pointer(address) => number((*address).into()),
        Value::Str(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::Array(values) => values.iter().map(value).collect(),
        Value::Struct(members) => {
            let member = |(name, held): &(String, Value)| (name.clone(), value(held));
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        Value::Missing => Json::Null,
    }
}

/// A number that readers with 53 bits keep, or its digits.
fn number(int: i128) -> Json {
    const EXACT: i128 = 1 << 53;
    match i64::try_from(int) {
        Ok(small) if (-EXACT..=EXACT).contains(&int) => small.into(),
        _ => int.to_string().into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
