//! `ebpf-sim requires`: the oldest kernel that has what objects use.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use comfy_table::{Table, presets};
use ebpf_sim::object::{LinkOptions, Object};
use ebpf_sim::requires::{Place, Requirement, Requirements, Strength};
use serde::Serialize;

use super::Exit;
use super::input::read;
use super::output::Output;

/// Print the oldest kernel that has what an object uses.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim requires hello.o
  ebpf-sim requires *.o --format csv

The answer is a lower bound for mainline Linux on x86-64. What the loader replaces or leaves out on older kernels
is marked `if it is there`, and does not count.")]
pub(super) struct Args {
    /// ELF objects; `-` for standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How to print them.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How to print requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for each object.
    Text,
    /// One document.
    Json,
    /// One line for each requirement.
    Csv,
}

/// An object and what it asks for.
type Found = (String, Requirements);

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<Exit> {
    let (mut found, mut exit) = (Vec::new(), Exit::Ok);
    for path in &args.files {
        let name = path.display().to_string();
        match requirements(path, &name).with_context(|| name.clone()) {
            Ok(requirements) => found.push((name, requirements)),
            Err(error) => {
                output.error(&error)?;
                exit = Exit::Failure;
            }
        }
    }
    for (name, requirements) in &found {
        for (program, reason) in &requirements.unknown {
            let error = anyhow::anyhow!("{name}: {program}: not looked at: {reason}");
            output.error(&error)?;
            exit = exit.max(Exit::Refused);
        }
    }
    match args.format {
        Format::Text => found.iter().try_for_each(|found| text(output, found))?,
        Format::Json => output.json(&report(&found))?,
        Format::Csv => csv(output, &found)?,
    }
    Ok(exit)
}

fn requirements(path: &Path, name: &str) -> anyhow::Result<Requirements> {
    let object = Object::parse(name, &read(path)?)?;
    Ok(Requirements::of(&object, &LinkOptions::default()))
}

fn text(output: &mut Output, (name, requirements): &Found) -> anyhow::Result<()> {
    let heading = match requirements.minimum() {
        Some(last) => format!(
            "{name}: needs Linux {}: {} {} in {}",
            last.since,
            last.kind.name(),
            last.name,
            last.place
        ),
        None => format!("{name}: needs nothing of a kernel"),
    };
    output.heading(&heading)?;
    let mut table = Table::new();
    let header = ["since", "what", "", "uses", "first in", ""];
    table.load_preset(presets::NOTHING).set_header(header);
    table.add_rows(requirements.all.iter().map(row));
    for line in table.lines() {
        writeln!(output, " {}", line.trim_end())?;
    }
    writeln!(output)?;
    Ok(())
}

fn row(requirement: &Requirement) -> [String; 6] {
    [
        requirement.since.to_string(),
        requirement.kind.name().to_owned(),
        requirement.name.clone(),
        requirement.uses.to_string(),
        requirement.place.to_string(),
        match requirement.strength {
            Strength::Needed => String::new(),
            Strength::Adapted => "if it is there".to_owned(),
        },
    ]
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    objects: Vec<ObjectReport<'a>>,
}

#[derive(Serialize)]
struct ObjectReport<'a> {
    file: &'a str,
    /// The oldest kernel, none where every kernel will do.
    minimum: Option<String>,
    requirements: Vec<Row<'a>>,
    not_linked: Vec<&'a str>,
}

/// A requirement, which is one line of CSV.
#[derive(Serialize)]
struct Row<'a> {
    since: String,
    kind: &'static str,
    name: &'a str,
    needed: bool,
    uses: usize,
    program: Option<&'a str>,
    section: Option<&'a str>,
    map: Option<&'a str>,
    insn: Option<u32>,
    file: Option<&'a str>,
    line: Option<u32>,
}

impl<'a> Row<'a> {
    fn new(requirement: &'a Requirement) -> Row<'a> {
        let mut row = Row {
            since: requirement.since.to_string(),
            kind: requirement.kind.name(),
            name: &requirement.name,
            needed: requirement.strength == Strength::Needed,
            uses: requirement.uses,
            program: None,
            section: None,
            map: None,
            insn: None,
            file: None,
            line: None,
        };
        match &requirement.place {
            Place::Object => {}
            Place::Map(map) => row.map = Some(map),
            Place::Program { program, section } => {
                row.program = Some(program);
                row.section = Some(section);
            }
            Place::Instruction {
                program,
                section,
                pc,
                source,
            } => {
                row.program = Some(program);
                row.section = Some(section);
                row.insn = Some(pc.0);
                row.file = source.as_ref().map(|(file, _)| file.as_str());
                row.line = source.as_ref().map(|(_, line)| *line);
            }
        }
        row
    }
}

fn report(found: &[Found]) -> Report<'_> {
    Report {
        schema: 1,
        objects: found.iter().map(object_report).collect(),
    }
}

fn object_report((file, requirements): &Found) -> ObjectReport<'_> {
    ObjectReport {
        file,
        minimum: requirements.minimum().map(|last| last.since.to_string()),
        requirements: requirements.all.iter().map(Row::new).collect(),
        not_linked: requirements
            .unknown
            .iter()
            .map(|(program, _)| program.as_str())
            .collect(),
    }
}

fn csv(output: &mut Output, found: &[Found]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(&mut *output);
    writer.write_record([
        "object", "since", "kind", "name", "needed", "uses", "program", "section", "map", "insn",
        "file", "line",
    ])?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    for (object, requirements) in found {
        for row in requirements.all.iter().map(Row::new) {
            writer.write_record([
                object.clone(),
                row.since,
                row.kind.to_owned(),
                row.name.to_owned(),
                row.needed.to_string(),
                row.uses.to_string(),
                text(row.program),
                text(row.section),
                text(row.map),
                number(row.insn),
                text(row.file),
                number(row.line),
            ])?;
        }
    }
    writer.flush()?;
    Ok(())
}
