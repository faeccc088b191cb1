//! Assembly text to a program: what `.type`, `.map` and names of helpers mean.
//!
//! The syntax is `isa`'s; nothing is parsed here.

use std::sync::Arc;

use anyhow::Context as _;
use ebpf_sim::abi::{MapType, ProgType, helpers};
use ebpf_sim::isa::asm::{Assembly, MapDecl, Symbols, assemble};
use ebpf_sim::isa::{Pc, encode_program};
use ebpf_sim::object::{Initial, Line, MapSpec, Origin, Pinning, Program};

use super::input::{set_type, stem};

/// Knows the helpers by name.
struct Helpers;

impl Symbols for Helpers {
    fn helper(&self, name: &str) -> Option<i32> {
        let helper = helpers::by_name(name).or_else(|| helpers::by_name(&format!("bpf_{name}")));
        helper.and_then(|helper| i32::try_from(helper.number).ok())
    }
}

/// The program that the text of a file is.
pub(super) fn program(file: &str, text: &str) -> anyhow::Result<Program> {
    let assembly = assemble(text, &Helpers)?;
    let header = &assembly.header;
    let kind = header
        .prog_type
        .as_deref()
        .context("no `.type` says the program's type")?;
    let name = header.name.as_deref().unwrap_or_else(|| stem(file));
    let code = encode_program(&assembly.insns);
    let mut program = Program::from_raw(name, ProgType::SocketFilter, code);
    set_type(&mut program, kind)?;
    name_subprogs(&mut program, &assembly);
    program.licence = header.license.clone().unwrap_or(program.licence);
    program.maps = header
        .maps
        .iter()
        .map(map)
        .collect::<Result<Vec<_>, _>>()?
        .into();
    program.lines = lines(file, text, &assembly);
    Ok(program)
}

/// Functions are called as their labels are.
fn name_subprogs(program: &mut Program, assembly: &Assembly) {
    for subprog in program.subprogs.iter_mut().skip(1) {
        if let Some((label, _)) = assembly.labels.iter().find(|(_, pc)| *pc == subprog.start) {
            label.clone_into(&mut subprog.name);
        }
    }
}

fn map(declared: &MapDecl) -> anyhow::Result<MapSpec> {
    let map_type = MapType::from_name(&declared.map_type).with_context(|| {
        format!(
            "line {}: `{}` is no map type",
            declared.line, declared.map_type
        )
    })?;
    Ok(MapSpec {
        name: declared.name.clone(),
        map_type,
        key_size: declared.key_size,
        value_size: declared.value_size,
        max_entries: declared.max_entries,
        flags: declared.flags,
        extra: 0,
        key_type: None,
        value_type: None,
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    })
}

fn lines(file: &str, text: &str, assembly: &Assembly) -> Vec<Line> {
    let file: Arc<str> = file.into();
    let texts: Vec<&str> = text.lines().collect();
    let mut lines: Vec<Line> = Vec::new();
    for (pc, &line) in (0..).map(Pc).zip(&assembly.lines) {
        if lines.last().is_some_and(|last| last.line == line) {
            continue;
        }
        let text = (line as usize)
            .checked_sub(1)
            .and_then(|index| texts.get(index))
            .copied();
        let text = text.unwrap_or_default();
        let blank = text.len() - text.trim_start().len();
        let column = u32::try_from(blank).unwrap_or(0).saturating_add(1);
        lines.push(Line {
            pc,
            file: Arc::clone(&file),
            line,
            column,
            text: text.into(),
        });
    }
    lines
}
