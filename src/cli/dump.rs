//! `ebpf-sim dump`: the programs, maps and instructions of an object.
//!
//! Nothing is judged.

mod json;
mod stage;

use std::io::Write as _;

use clap::ValueEnum;
use comfy_table::{Table, presets};
use ebpf_sim::btf::Btf;
use ebpf_sim::object::{Autoload, Initial, MapSpec, Program, Sleepable};
use ebpf_sim::report::{line_start, slots, source_file};

use super::Exit;
use super::input::{self, Loaded};
use super::output::Output;

use self::stage::Stage;

/// Print programs, maps and instructions.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim dump hello.o                     everything
  ebpf-sim dump hello.o --what maps         maps only
  ebpf-sim dump hello.o --prog hello --what insns
  ebpf-sim dump hello.o --stage lowered     what the engines run
  ebpf-sim dump hello.o --stage asm         what the JIT makes of it
  ebpf-sim dump hello.o --json")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    /// What to print.
    #[arg(long, value_name = "WHAT", default_value = "all")]
    what: What,
    /// Print the accepted programs at this station of their way to the engines.
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["what", "json"])]
    stage: Option<Stage>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// One line a program.
    Programs,
    /// One line a map.
    Maps,
    /// Instructions under their source lines.
    Insns,
    /// All of these.
    All,
}

impl What {
    fn includes(self, part: What) -> bool {
        self == What::All || self == part
    }
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let inputs = args.input.resolve()?;
    if let Some(stage) = args.stage {
        return stage::print(&inputs, stage, output);
    }
    let mut report = json::Report::default();
    let (mut exit, mut found) = (Exit::Ok, 0);
    for loaded in inputs.load() {
        match loaded {
            Ok(loaded) => {
                found += loaded.programs.len();
                exit = exit.max(not_linked(output, &loaded)?);
                match args.json {
                    true => report.push(&loaded, args.what),
                    false => text(output, &loaded, args.what)?,
                }
            }
            Err(error) => {
                output.error(&error)?;
                exit = Exit::Failure;
            }
        }
    }
    if exit != Exit::Failure {
        inputs.check_found(found)?;
    }
    if args.json {
        output.json(&report)?;
    }
    Ok(exit)
}

/// Reports the programs that there is nothing to print of.
fn not_linked(output: &mut Output, loaded: &Loaded) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for error in loaded
        .programs
        .iter()
        .filter_map(|program| program.as_ref().err())
    {
        output.error(&anyhow::Error::new((**error).clone()).context(loaded.file.clone()))?;
        exit = Exit::Refused;
    }
    Ok(exit)
}

fn text(output: &mut Output, loaded: &Loaded, what: What) -> anyhow::Result<()> {
    let licence = match loaded.licence.as_str() {
        "" => "no licence".to_owned(),
        licence => format!("licence {licence}"),
    };
    output.heading(&format!("{}: {licence}", loaded.file))?;
    if what.includes(What::Programs) {
        let mut table = table(&["program", "section", "type", "insns", "functions", "loaded"]);
        table.add_rows(
            loaded
                .programs
                .iter()
                .flatten()
                .map(|program| program_row(program)),
        );
        writeln!(output, "{}\n", trimmed(&table))?;
    }
    if what.includes(What::Maps) && !loaded.maps.is_empty() {
        let mut table = table(&[
            "map", "type", "key", "value", "entries", "flags", "contents",
        ]);
        table.add_rows(
            loaded
                .maps
                .iter()
                .map(|map| map_row(map, loaded.btf.as_deref())),
        );
        writeln!(output, "{}\n", trimmed(&table))?;
    }
    if what.includes(What::Insns) {
        for program in loaded.programs.iter().flatten() {
            instructions(output, program)?;
        }
    }
    Ok(())
}

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(columns.iter().copied());
    table
}

/// A table's lines without what pads them.
fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table
        .lines()
        .map(|line| format!(" {}", line.trim_end()))
        .collect();
    lines.join("\n")
}

fn program_row(program: &Program) -> [String; 6] {
    let sleeps = match program.sleepable {
        Sleepable::Yes => ", may sleep",
        Sleepable::No => "",
    };
    [
        program.name.clone(),
        program.section.clone(),
        format!("{}{sleeps}", program.prog_type.name()),
        program.code.len().to_string(),
        program.subprogs.len().to_string(),
        match program.autoload {
            Autoload::Yes => "with the object".to_owned(),
            Autoload::No => "when asked for".to_owned(),
        },
    ]
}

fn map_row(map: &MapSpec, btf: Option<&Btf>) -> [String; 7] {
    let size = |bytes: u32, ty: Option<_>| match btf.zip(ty) {
        Some((btf, id)) if bytes > 0 => format!("{bytes} ({})", btf.type_name(id)),
        _ => bytes.to_string(),
    };
    [
        map.name.clone(),
        map.map_type.name().to_owned(),
        size(map.key_size, map.key_type),
        size(map.value_size, map.value_type),
        map.max_entries.to_string(),
        format!("{:#x}", map.flags),
        contents(map),
    ]
}

/// What a map holds at load, in words.
fn contents(map: &MapSpec) -> String {
    match &map.initial {
        Initial::Empty => String::new(),
        Initial::Data(bytes) => format!("{} bytes", bytes.len()),
        Initial::Programs(programs) => {
            let entry = |(index, name): &(u32, String)| format!("[{index}] = {name}");
            programs.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
        Initial::Maps(maps) => format!("{} maps", maps.len()),
        Initial::StructOps(table) => {
            let programs = table.members.iter().map(|(_, program)| program.as_str());
            programs.collect::<Vec<_>>().join(", ")
        }
    }
}

fn instructions(output: &mut Output, program: &Program) -> anyhow::Result<()> {
    for slot in slots(program).iter().filter(|slot| !slot.is_high()) {
        if let Some(function) = program
            .subprogs
            .iter()
            .find(|subprog| subprog.start == slot.pc)
        {
            output.heading(&format!(" {}:", function.name))?;
        }
        if let Some(line) = line_start(program, slot.pc) {
            writeln!(
                output,
                "   ; {} @ {}:{}",
                line.text.trim(),
                source_file(line),
                line.line
            )?;
        }
        writeln!(output, "{:4}: {}", slot.pc, slot.log_line())?;
    }
    writeln!(output)?;
    Ok(())
}
