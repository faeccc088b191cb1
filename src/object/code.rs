//! The functions of an object, and what `.BTF.ext` says of their instructions.
//!
//! Nothing is laid out or resolved here; that is [`link`](super::link)'s work.
//!
//! Every `STT_FUNC` symbol in an executable section is a function. Those of `.text`, and static
//! ones, are subprograms; the others are programs, and may be called as well. (libbpf refuses
//! static functions outside `.text` and calls of functions there.)

use std::collections::HashMap;
use std::sync::Arc;

use crate::abi::sections::parse as program_section;
use crate::btf::{Btf, BtfExt, BtfId, CoreRelo, LineInfo, StrRef};
use crate::isa::{Pc, RawInsn};

use super::Line;
use super::elf::{Binding, Elf, Place, Relocation, Section, Symbol, SymbolKind, Visibility};
use super::error::{ObjectError, SectionProblem};
use super::maps::Maps;
use super::sections::{self, Role, TEXT};

/// The size of an instruction slot in bytes.
pub(super) const SLOT: u64 = 8;

/// The relocation that asks for nothing.
const R_BPF_NONE: u32 = 0;

/// How many times the size of `.BTF` the texts of source lines may take together.
const LINES_FACTOR: usize = 4;

/// The code of an object.
#[derive(Debug)]
pub(super) struct Code {
    /// The executable sections.
    pub(super) sections: Vec<CodeSection>,
    /// The functions by section and start.
    pub(super) functions: Vec<Function>,
    /// What became of each section of the file.
    pub(super) places: Vec<Loaded>,
}

/// What became of a section of the file.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Its name.
    pub(super) name: Arc<str>,
    /// What it is now.
    pub(super) content: Content,
}

/// What a section of the file is, once loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The executable section of that index.
    Code(usize),
    /// Declarations of maps.
    Maps,
    /// The data of that map.
    Data(u32),
    /// Nothing.
    Nothing,
}

/// An executable section.
#[derive(Debug)]
pub(super) struct CodeSection {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Its instructions.
    pub(super) insns: Vec<RawInsn>,
    /// Relocations by slot, with the index of the symbol.
    pub(super) relocations: Vec<(u32, usize)>,
    /// Functions that `.BTF.ext` describes, by slot.
    pub(super) func_info: Vec<(u32, BtfId)>,
    /// Source lines by slot.
    pub(super) lines: Vec<Line>,
    /// CO-RE relocations by slot.
    pub(super) core: Vec<(u32, CoreRelo)>,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    /// Its name.
    pub(super) name: Arc<str>,
    /// Its section, an index into [`Code::sections`].
    pub(super) section: usize,
    /// Its first slot in the section.
    pub(super) start: u32,
    /// How many slots it has.
    pub(super) len: u32,
    /// Whether it is seen outside the object.
    pub(super) visibility: Visibility,
    /// Whether it can be loaded as a program.
    pub(super) entry: Entry,
}

/// Whether a function can be loaded as a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It can.
    Program,
    /// It can only be called.
    Subprogram,
}

impl Code {
    /// Reads all functions and their relocations.
    pub(super) fn parse(elf: &mut Elf<'_>, maps: &Maps) -> Result<Code, ObjectError> {
        let mut sections = Vec::new();
        let mut places = Vec::with_capacity(elf.sections.len());
        for (index, section) in elf.sections.iter().enumerate() {
            let content = match sections::role(section) {
                Role::Code => {
                    sections.push(parse_section(section)?);
                    Content::Code(sections.len() - 1)
                }
                Role::Maps | Role::LegacyMaps => Content::Maps,
                Role::Data(_) | Role::Arena => maps
                    .data
                    .get(&index)
                    .map_or(Content::Nothing, |&map| Content::Data(map)),
                Role::StructOps | Role::Other => Content::Nothing,
            };
            places.push(Loaded {
                name: section.name.into(),
                content,
            });
        }
        let functions = parse_functions(elf, &places)?;
        check_seen(elf, &places, &functions)?;
        for (target, relocations) in
            elf.relocations(|section| sections::role(section) == Role::Code)?
        {
            if let (Some(section), Some(Content::Code(index))) = (
                elf.sections.get(target),
                places.get(target).map(|place| place.content),
            ) && let Some(code) = sections.get_mut(index)
            {
                code.add_relocations(section, &relocations)?;
            }
        }
        Ok(Code {
            sections,
            functions,
            places,
        })
    }

    /// Whether there is a program of that name.
    pub(super) fn has_program(&self, name: &str) -> bool {
        let mut functions = self.functions.iter();
        functions.any(|function| function.entry == Entry::Program && *function.name == *name)
    }

    /// The function that starts at a slot of a section.
    pub(super) fn function_at(&self, section: usize, start: u32) -> Option<usize> {
        let index = self
            .functions
            .partition_point(|function| (function.section, function.start) < (section, start));
        let function = self.functions.get(index)?;
        ((function.section, function.start) == (section, start)).then_some(index)
    }

    /// Takes what `.BTF.ext` says of the instructions.
    pub(super) fn add_info(&mut self, section: &Section<'_>, btf: &Btf) -> Result<(), ObjectError> {
        let ext = BtfExt::parse(section.data, btf)?;
        let by_name: HashMap<Arc<str>, usize> = self
            .sections
            .iter()
            .enumerate()
            .map(|(index, code)| (Arc::clone(&code.name), index))
            .collect();
        let index_of = |name| by_name.get(btf.text(name)).copied().unwrap_or(usize::MAX);
        for info in &ext.func_info {
            if let Some(code) = self.sections.get_mut(index_of(info.name)) {
                code.func_info.extend(
                    info.records
                        .iter()
                        .map(|record| (slot(record.insn_offset), record.ty)),
                );
            }
        }
        for info in &ext.core_relos {
            if let Some(code) = self.sections.get_mut(index_of(info.name)) {
                code.core.extend(
                    info.records
                        .iter()
                        .map(|record| (slot(record.insn_offset), *record)),
                );
            }
        }
        let mut texts = Texts::new(btf);
        for info in &ext.line_info {
            if let Some(code) = self.sections.get_mut(index_of(info.name)) {
                let lines = info.records.iter().map(|record| texts.line(record));
                let lines: Result<Vec<_>, _> = lines.collect();
                code.lines
                    .extend(lines.map_err(|problem| section.error(0, problem))?);
            }
        }
        for code in &mut self.sections {
            code.func_info.sort_by_key(|&(slot, _)| slot);
            code.core.sort_by_key(|&(slot, _)| slot);
            code.lines.sort_by_key(|line| line.pc);
        }
        Ok(())
    }
}

/// The slot at a byte offset.
fn slot(offset: u32) -> u32 {
    offset / 8
}

fn parse_section(section: &Section<'_>) -> Result<CodeSection, ObjectError> {
    section.check_entries(SLOT)?;
    let (slots, _) = section.data.as_chunks::<8>();
    Ok(CodeSection {
        name: section.name.into(),
        insns: slots
            .iter()
            .map(|slot| RawInsn::from_le_bytes(*slot))
            .collect(),
        relocations: Vec::new(),
        func_info: Vec::new(),
        lines: Vec::new(),
        core: Vec::new(),
    })
}

fn parse_functions(elf: &mut Elf<'_>, places: &[Loaded]) -> Result<Vec<Function>, ObjectError> {
    let mut functions = Vec::new();
    for symbol in &elf.symbols {
        let (SymbolKind::Function, Place::Section(index)) = (symbol.kind, symbol.place) else {
            continue;
        };
        let (Some(section), Some(place)) = (elf.sections.get(index), places.get(index)) else {
            continue;
        };
        let Content::Code(code) = place.content else {
            continue;
        };
        // Programs carry a copy of their section's name.
        elf.names
            .charge(section.name)
            .map_err(|problem| section.error(symbol.value, problem))?;
        let function = parse_function(symbol, section, code);
        functions.push(function.map_err(|problem| section.error(symbol.value, problem))?);
    }
    functions.sort_by_key(|function| (function.section, function.start));
    Ok(functions)
}

/// Refuses a section for programs that has static functions alone: they were meant to be programs.
fn check_seen(elf: &Elf<'_>, places: &[Loaded], functions: &[Function]) -> Result<(), ObjectError> {
    let mut seen: HashMap<usize, &Function> = HashMap::new();
    // By section, one that is a program if there is one.
    for function in functions {
        let found = seen.entry(function.section).or_insert(function);
        if function.entry == Entry::Program {
            *found = function;
        }
    }
    for (section, place) in elf.sections.iter().zip(places) {
        let Content::Code(code) = place.content else {
            continue;
        };
        if let Some(function) = seen.get(&code)
            && function.entry == Entry::Subprogram
            && program_section(section.name).is_some()
        {
            let name = function.name.to_string();
            return Err(section.error(0, SectionProblem::StaticProgram { name }));
        }
    }
    Ok(())
}

fn parse_function(
    symbol: &Symbol,
    section: &Section<'_>,
    code: usize,
) -> Result<Function, SectionProblem> {
    let (start, size) = (symbol.value, symbol.size);
    let function = || symbol.name.to_string();
    if start.checked_add(size).is_none_or(|end| end > section.size) {
        return Err(SectionProblem::FunctionOutside {
            function: function(),
            size,
            section_size: section.size,
        });
    }
    let slots = u32::try_from(start / SLOT)
        .ok()
        .zip(u32::try_from(size / SLOT).ok());
    let whole = start % SLOT == 0 && size % SLOT == 0 && size != 0;
    let slots = slots.filter(|_| whole);
    let (start, len) = slots.ok_or_else(|| SectionProblem::FunctionCut {
        function: function(),
        size,
    })?;
    let is_subprogram = section.name == TEXT || symbol.binding == Binding::Local;
    Ok(Function {
        name: Arc::clone(&symbol.name),
        section: code,
        start,
        len,
        visibility: symbol.visibility,
        entry: if is_subprogram {
            Entry::Subprogram
        } else {
            Entry::Program
        },
    })
}

impl CodeSection {
    fn add_relocations(
        &mut self,
        section: &Section<'_>,
        relocations: &[Relocation],
    ) -> Result<(), ObjectError> {
        for relocation in relocations {
            if relocation.kind == R_BPF_NONE {
                continue;
            }
            let slot = u32::try_from(relocation.offset / SLOT).ok();
            let slot =
                slot.filter(|_| relocation.offset % SLOT == 0 && relocation.offset < section.size);
            let problem = SectionProblem::RelocationOutside {
                target: section.name.to_owned(),
                size: section.data.len(),
            };
            let slot = slot.ok_or_else(|| section.error(relocation.offset, problem))?;
            self.relocations.push((slot, relocation.symbol));
        }
        self.relocations.sort_by_key(|&(slot, _)| slot);
        Ok(())
    }

    /// The symbol that the relocation of a slot refers to.
    pub(super) fn relocation(&self, slot: u32) -> Option<usize> {
        let index = self
            .relocations
            .binary_search_by_key(&slot, |&(slot, _)| slot)
            .ok()?;
        self.relocations.get(index).map(|&(_, symbol)| symbol)
    }

    /// The type of the function that starts at a slot.
    pub(super) fn func_type(&self, slot: u32) -> Option<BtfId> {
        let index = self
            .func_info
            .binary_search_by_key(&slot, |&(slot, _)| slot)
            .ok()?;
        self.func_info.get(index).map(|&(_, ty)| ty)
    }
}

/// The part of records sorted by slot that belongs to the slots from `start`, `len` of them.
pub(super) fn within<T>(records: &[T], slot: impl Fn(&T) -> u32, start: u32, len: u32) -> &[T] {
    let from = records.partition_point(|record| slot(record) < start);
    let to = records.partition_point(|record| slot(record) < start.saturating_add(len));
    records.get(from..to).unwrap_or_default()
}

/// Texts of source lines, each once.
struct Texts<'a> {
    btf: &'a Btf,
    known: HashMap<StrRef, Arc<str>>,
    left: usize,
    limit: usize,
}

impl<'a> Texts<'a> {
    fn new(btf: &'a Btf) -> Texts<'a> {
        let limit = btf.bytes().len().saturating_mul(LINES_FACTOR);
        Texts {
            btf,
            known: HashMap::new(),
            left: limit,
            limit,
        }
    }

    fn line(&mut self, record: &LineInfo) -> Result<Line, SectionProblem> {
        let (file, text) = (self.get(record.file)?, self.get(record.text)?);
        Ok(Line {
            pc: Pc(slot(record.insn_offset)),
            file,
            line: record.line,
            column: record.column,
            text,
        })
    }

    fn get(&mut self, text: StrRef) -> Result<Arc<str>, SectionProblem> {
        if let Some(known) = self.known.get(&text) {
            return Ok(Arc::clone(known));
        }
        let string = self.btf.text(text);
        let left = self.left.checked_sub(string.len());
        self.left = left.ok_or(SectionProblem::LinesTooLong { limit: self.limit })?;
        let string: Arc<str> = string.into();
        self.known.insert(text, Arc::clone(&string));
        Ok(string)
    }
}
