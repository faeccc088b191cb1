//! From assembly text to a program: what `.type`, `.license`, `.map` and names of helpers mean.
//!
//! The syntax is [`isa::asm`](crate::isa::asm)'s; nothing is parsed here.

use std::sync::Arc;

use crate::abi::{MapType, ProgType, helpers, kfuncs, sections};
use crate::btf::{KindFilter, kernel_6_12};
use crate::isa::asm::{AsmError, Assembly, MapDecl, Symbols, assemble};
use crate::isa::{Pc, encode_program};

use super::{Fields, Initial, Line, MapSpec, Origin, Pinning, Program, Sleepable};

/// Why a text is no program.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AssemblyError {
    /// It is not in the syntax.
    #[error(transparent)]
    Syntax(#[from] AsmError),
    /// No `.type` line says what it is.
    #[error("no `.type` line says the program's type, such as `.type xdp`")]
    NoType,
    /// The type is none.
    #[error("`{name}` is neither a program type nor a section name such as xdp or kprobe/NAME")]
    UnknownType {
        /// What stands there.
        name: String,
    },
    /// A map's type is none.
    #[error("line {line}: `{name}` is no map type")]
    UnknownMapType {
        /// The line, from 1.
        line: u32,
        /// What stands there.
        name: String,
    },
}

/// Knows the helpers, and the kernel functions of Linux 6.12, by name.
struct Functions;

impl Symbols for Functions {
    fn kfunc(&self, name: &str) -> Option<(i32, i16)> {
        kfuncs::by_name(name)?;
        let id = kernel_6_12().find(name, KindFilter::FUNC)?;
        Some((id.0.cast_signed(), 0))
    }

    fn helper(&self, name: &str) -> Option<i32> {
        helpers::by_name(name).and_then(|helper| i32::try_from(helper.number).ok())
    }
}

impl Program {
    /// The program that an assembly text is; `file` is its name, for messages.
    ///
    /// # Errors
    /// The text is not in the syntax, or names a type that does not exist.
    pub fn from_assembly(file: &str, text: &str) -> Result<Program, AssemblyError> {
        Program::from_assembly_of_type(file, text, None)
    }

    /// As [`Program::from_assembly`], of the given type whatever the text says.
    ///
    /// # Errors
    /// As there; a text may do without a `.type` line when a type is given.
    pub fn from_assembly_of_type(
        file: &str,
        text: &str,
        kind: Option<&str>,
    ) -> Result<Program, AssemblyError> {
        let assembly = assemble(text, &Functions)?;
        let header = &assembly.header;
        let kind = kind.or(header.prog_type.as_deref());
        let kind = kind.ok_or(AssemblyError::NoType)?;
        let name = header.name.as_deref().unwrap_or_else(|| program_name(file));
        let code = encode_program(&assembly.insns);
        let mut program = Program::from_raw(name, ProgType::Unspec, code);
        program
            .set_type(kind)
            .ok_or_else(|| AssemblyError::UnknownType {
                name: kind.to_owned(),
            })?;
        name_subprogs(&mut program, &assembly);
        program.licence = header.license.clone().unwrap_or(program.licence);
        let maps: Result<Vec<MapSpec>, AssemblyError> = header.maps.iter().map(map).collect();
        program.maps = maps?.into();
        program.lines = lines(file, text, &assembly);
        Ok(program)
    }

    /// Makes it a program of that type, given as a section or by the type's name; `None` when
    /// there is no such type.
    pub fn set_type(&mut self, kind: &str) -> Option<()> {
        if let Some(found) = sections::parse(kind) {
            self.prog_type = found.prog_type;
            self.attach_type = found.attach_type;
            self.attach_target = found.attach_target.map(str::to_owned);
            self.sleepable = if found.sleepable {
                Sleepable::Yes
            } else {
                Sleepable::No
            };
        } else {
            self.prog_type = ProgType::from_name(kind)?;
        }
        self.attach_program = None;
        kind.clone_into(&mut self.section);
        Some(())
    }
}

/// What a program without a name of its own is called: its file's name without folder and ending.
pub fn program_name(file: &str) -> &str {
    let base = file.rsplit('/').next().unwrap_or(file);
    match base.split('.').next().unwrap_or(base) {
        "" | "-" => "program",
        stem => stem,
    }
}

/// Functions are called as their labels are.
fn name_subprogs(program: &mut Program, assembly: &Assembly) {
    for subprog in program.subprogs.iter_mut().skip(1) {
        let label = assembly.labels.iter().find(|(_, pc)| *pc == subprog.start);
        if let Some((label, _)) = label {
            label.clone_into(&mut subprog.name);
        }
    }
}

fn map(declared: &MapDecl) -> Result<MapSpec, AssemblyError> {
    let map_type =
        MapType::from_name(&declared.map_type).ok_or_else(|| AssemblyError::UnknownMapType {
            line: declared.line,
            name: declared.map_type.clone(),
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
        fields: Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    })
}

/// The lines of the text that instructions stand in.
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
            .and_then(|index| texts.get(index));
        let text = text.copied().unwrap_or_default();
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
