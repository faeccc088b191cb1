//! Programs, maps and instructions as JSON, schema 1.

use ebpf_sim::btf::Btf;
use ebpf_sim::object::{Autoload, MapSpec, Program, Sleepable, Subprog};
use ebpf_sim::report::{slots, source_file, source_line};
use serde::Serialize;

use super::{Loaded, What, contents};

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: u32,
    files: Vec<File>,
}

impl Default for Report {
    fn default() -> Report {
        Report {
            schema: 1,
            files: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    licence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    programs: Option<Vec<ProgramEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maps: Option<Vec<MapEntry>>,
}

#[derive(Debug, Serialize)]
struct ProgramEntry {
    name: String,
    section: String,
    #[serde(rename = "type")]
    prog_type: &'static str,
    target: Option<String>,
    sleepable: bool,
    autoload: bool,
    functions: Vec<Function>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Vec<Instruction>>,
}

#[derive(Debug, Serialize)]
struct Function {
    name: String,
    pc: u32,
}

#[derive(Debug, Serialize)]
struct Instruction {
    pc: u32,
    opcode: u8,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

#[derive(Debug, Serialize)]
struct Source {
    file: String,
    line: u32,
    text: String,
}

#[derive(Debug, Serialize)]
struct MapEntry {
    name: String,
    #[serde(rename = "type")]
    map_type: &'static str,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    key_type: Option<String>,
    value_type: Option<String>,
    contents: String,
}

impl Report {
    pub(super) fn push(&mut self, loaded: &Loaded, what: What) {
        let programs = loaded
            .programs
            .iter()
            .flatten()
            .map(|program| entry(program, what));
        let maps = loaded
            .maps
            .iter()
            .map(|spec| map(spec, loaded.btf.as_deref()));
        let with_programs = what.includes(What::Programs) || what.includes(What::Insns);
        self.files.push(File {
            file: loaded.file.clone(),
            licence: loaded.licence.clone(),
            programs: with_programs.then(|| programs.collect()),
            maps: what.includes(What::Maps).then(|| maps.collect()),
        });
    }
}

fn entry(program: &Program, what: What) -> ProgramEntry {
    let function = |subprog: &Subprog| Function {
        name: subprog.name.clone(),
        pc: subprog.start.0,
    };
    ProgramEntry {
        name: program.name.clone(),
        section: program.section.clone(),
        prog_type: program.prog_type.name(),
        target: program.attach_target.clone(),
        sleepable: program.sleepable == Sleepable::Yes,
        autoload: program.autoload == Autoload::Yes,
        functions: program.subprogs.iter().map(function).collect(),
        instructions: what.includes(What::Insns).then(|| instructions(program)),
    }
}

fn instructions(program: &Program) -> Vec<Instruction> {
    let slots = slots(program).into_iter().filter(|slot| !slot.is_high());
    slots
        .map(|slot| Instruction {
            pc: slot.pc.0,
            opcode: slot.opcode,
            source: source_line(program, slot.pc).map(|line| Source {
                file: source_file(line).to_owned(),
                line: line.line,
                text: line.text.trim().to_owned(),
            }),
            text: slot.text,
        })
        .collect()
}

fn map(map: &MapSpec, btf: Option<&Btf>) -> MapEntry {
    let name = |ty: Option<_>| btf.zip(ty).map(|(btf, id)| btf.type_name(id).to_string());
    MapEntry {
        name: map.name.clone(),
        map_type: map.map_type.name(),
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        flags: map.flags,
        key_type: name(map.key_type),
        value_type: name(map.value_type),
        contents: contents(map),
    }
}
