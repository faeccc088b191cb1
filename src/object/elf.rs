//! The ELF container: sections, symbols and relocations, every bound checked.
//!
//! It knows what ELF says and nothing of what the sections mean.
//!
//! Rules:
//! - Contents are borrowed from the file, and no two sections may share bytes of it: what is made
//!   of them is therefore never more than a few times the file's size.
//! - All names together, copies included, take at most [`NAME_FACTOR`] times the file's size;
//!   tables that name one long string over and over are refused.

use std::sync::Arc;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{
    EI_CLASS, EI_DATA, ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_BPF, EM_NONE, ET_REL, Header,
};
use goblin::elf::section_header::{
    SHN_LORESERVE, SHN_UNDEF, SHN_XINDEX, SHT_NOBITS, SHT_NULL, SHT_REL, SHT_RELA, SHT_SYMTAB,
    SectionHeader,
};
use goblin::elf::sym::{
    STB_LOCAL, STB_WEAK, STT_FUNC, STT_OBJECT, STT_SECTION, STV_HIDDEN, STV_INTERNAL, Sym, Symtab,
};
use goblin::elf::{Elf as Goblin, RelocSection};

use super::error::{HeaderProblem, ObjectError, SectionProblem};

/// How many times the file's size all names may take together.
const NAME_FACTOR: usize = 4;

/// The size of an ELF header and of a section header, both 64 bytes in 64-bit ELF.
const HEADER_SIZE: usize = 64;

/// The size of a symbol.
const SYMBOL_SIZE: usize = 24;

/// The size of a relocation without addend.
const REL_SIZE: usize = 16;

/// 64-bit little-endian.
const CTX: Ctx = Ctx {
    container: Container::Big,
    le: Endian::Little,
};

/// An ELF file.
#[derive(Debug)]
pub(super) struct Elf<'a> {
    /// Its sections by index, the null section first.
    pub(super) sections: Vec<Section<'a>>,
    /// Its symbols by index.
    pub(super) symbols: Vec<Symbol>,
    /// Room for names.
    pub(super) names: Names,
}

/// A section.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its type (`sh_type`).
    pub(super) kind: u32,
    /// Its flags (`sh_flags`).
    pub(super) flags: u64,
    /// Its size in memory.
    pub(super) size: u64,
    /// The section it refers to.
    pub(super) link: u32,
    /// The section its relocations are for.
    pub(super) info: u32,
    /// Its contents; empty when it takes no room in the file (`SHT_NOBITS`).
    pub(super) data: &'a [u8],
    offset: u64,
}

/// A symbol.
#[derive(Clone, Debug)]
pub(super) struct Symbol {
    /// Its name; the section's for a section's symbol.
    pub(super) name: Arc<str>,
    /// Where it is.
    pub(super) place: Place,
    /// Its offset in the section.
    pub(super) value: u64,
    /// Its size.
    pub(super) size: u64,
    /// What it names.
    pub(super) kind: SymbolKind,
    /// Who sees it.
    pub(super) binding: Binding,
    /// Whether it is seen outside the object.
    pub(super) visibility: Visibility,
}

/// Where a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In another object.
    Undefined,
    /// In the section of that index, which exists.
    Section(usize),
    /// In none: absolute, common.
    Special(u64),
}

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SymbolKind {
    /// A function.
    Function,
    /// A variable.
    Object,
    /// A section.
    Section,
    /// Anything else.
    Other,
}

/// Who sees a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// Its file.
    Local,
    /// Every file.
    Global,
    /// Every file, and another definition of the name replaces it.
    Weak,
}

/// Whether a symbol that other files see is seen outside the object they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// It is.
    Default,
    /// It is not (`STV_HIDDEN`, `STV_INTERNAL`).
    Hidden,
}

/// A relocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    /// Where in the section it is for.
    pub(super) offset: u64,
    /// Index of the symbol, which exists.
    pub(super) symbol: usize,
    /// Its type (`R_BPF_…`).
    pub(super) kind: u32,
}

impl<'a> Elf<'a> {
    /// Parses a relocatable 64-bit little-endian object for BPF.
    pub(super) fn parse(file: &'a [u8]) -> Result<Elf<'a>, ObjectError> {
        let header = parse_header(file).map_err(|problem| ObjectError::NotBpf { problem })?;
        let headers = parse_section_headers(file, &header)
            .map_err(|problem| ObjectError::NotBpf { problem })?;
        let limit = file.len().saturating_mul(NAME_FACTOR);
        let mut names = Names { left: limit, limit };
        let sections = parse_sections(file, &header, &headers, &mut names)?;
        check_overlaps(&sections)?;
        let symbols = parse_symbols(&sections, &mut names)?;
        Ok(Elf {
            sections,
            symbols,
            names,
        })
    }

    /// The first section of that name that has contents.
    pub(super) fn find(&self, name: &str) -> Option<&Section<'a>> {
        self.sections
            .iter()
            .find(|section| section.name == name && !section.data.is_empty())
    }

    /// The relocations of the wanted sections that have some: the section's index, and its
    /// relocations in the order of the file.
    pub(super) fn relocations(
        &self,
        wanted: impl Fn(&Section<'_>) -> bool,
    ) -> Result<Vec<(usize, Vec<Relocation>)>, ObjectError> {
        let mut all = Vec::new();
        for table in self
            .sections
            .iter()
            .filter(|section| matches!(section.kind, SHT_REL | SHT_RELA))
        {
            let target = self.relocated(table)?;
            if self.sections.get(target).is_some_and(&wanted) {
                all.push((target, self.parse_relocations(table)?));
            }
        }
        Ok(all)
    }

    /// The index of the section that a table of relocations is for.
    fn relocated(&self, table: &Section<'_>) -> Result<usize, ObjectError> {
        let count = self.sections.len();
        let index = table.info as usize;
        let problem = SectionProblem::SectionIndex {
            index: u64::from(table.info),
            count,
        };
        if index < count {
            Ok(index)
        } else {
            Err(table.error(0, problem))
        }
    }

    fn parse_relocations(&self, table: &Section<'_>) -> Result<Vec<Relocation>, ObjectError> {
        if table.kind == SHT_RELA {
            return Err(table.error(0, SectionProblem::Addends));
        }
        table.check_entries(REL_SIZE as u64)?;
        let cut = |_| {
            table.error(
                0,
                SectionProblem::PartialEntry {
                    size: table.size,
                    entry_size: REL_SIZE as u64,
                },
            )
        };
        let entries =
            RelocSection::parse(table.data, 0, table.data.len(), false, CTX).map_err(cut)?;
        let count = self.symbols.len();
        let resolve = |(at, entry): (u64, goblin::elf::Reloc)| {
            let problem = SectionProblem::SymbolIndex {
                index: entry.r_sym,
                count,
            };
            match entry.r_sym < count {
                true => Ok(Relocation {
                    offset: entry.r_offset,
                    symbol: entry.r_sym,
                    kind: entry.r_type,
                }),
                false => Err(table.error(at.saturating_mul(REL_SIZE as u64), problem)),
            }
        };
        (0..).zip(entries.iter()).map(resolve).collect()
    }
}

impl Section<'_> {
    /// An error at an offset of this section.
    pub(super) fn error(&self, offset: u64, problem: SectionProblem) -> ObjectError {
        ObjectError::Section {
            section: self.name.to_owned(),
            offset,
            problem,
        }
    }

    /// Checks that its size is a whole number of entries.
    pub(super) fn check_entries(&self, entry_size: u64) -> Result<(), ObjectError> {
        match self.size % entry_size {
            0 => Ok(()),
            rest => Err(self.error(
                self.size - rest,
                SectionProblem::PartialEntry {
                    size: self.size,
                    entry_size,
                },
            )),
        }
    }
}

fn parse_header(file: &[u8]) -> Result<Header, HeaderProblem> {
    let truncated = HeaderProblem::Truncated { size: file.len() };
    let Some((start, _)) = file.split_first_chunk::<HEADER_SIZE>() else {
        return Err(match file.first_chunk::<4>() {
            Some(&got) if got != *ELFMAG => HeaderProblem::Magic { got },
            _ => truncated,
        });
    };
    let [m0, m1, m2, m3, ..] = *start;
    match (start[EI_CLASS], start[EI_DATA]) {
        _ if [m0, m1, m2, m3] != *ELFMAG => {
            return Err(HeaderProblem::Magic {
                got: [m0, m1, m2, m3],
            });
        }
        (ELFCLASS64, ELFDATA2LSB) => {}
        (ELFCLASS64, got) => return Err(HeaderProblem::ByteOrder { got }),
        (got, _) => return Err(HeaderProblem::Class { got }),
    }
    let header = Goblin::parse_header(file).map_err(|_| truncated)?;
    match (header.e_machine, header.e_type) {
        (EM_BPF | EM_NONE, ET_REL) => Ok(header),
        (EM_BPF | EM_NONE, got) => Err(HeaderProblem::FileType { got }),
        (got, _) => Err(HeaderProblem::Machine { got }),
    }
}

fn parse_section_headers(
    file: &[u8],
    header: &Header,
) -> Result<Vec<SectionHeader>, HeaderProblem> {
    let problem = HeaderProblem::SectionTable {
        offset: header.e_shoff,
        count: u64::from(header.e_shnum),
        entry_size: header.e_shentsize,
        size: file.len(),
    };
    if header.e_shoff == 0 || usize::from(header.e_shentsize) != HEADER_SIZE {
        return Err(problem);
    }
    let table = usize::try_from(header.e_shoff)
        .ok()
        .and_then(|start| file.get(start..));
    let table = table.ok_or_else(|| problem.clone())?;
    SectionHeader::parse_from(table, 0, usize::from(header.e_shnum), CTX).map_err(|_| problem)
}

fn parse_sections<'a>(
    file: &'a [u8],
    header: &Header,
    headers: &[SectionHeader],
    names: &mut Names,
) -> Result<Vec<Section<'a>>, ObjectError> {
    let index = match (u32::from(header.e_shstrndx), headers.first()) {
        (SHN_XINDEX, Some(null)) => null.sh_link as usize,
        (index, _) => index as usize,
    };
    let count = headers.len();
    let strings = headers.get(index).ok_or(ObjectError::NotBpf {
        problem: HeaderProblem::SectionNames { index, count },
    })?;
    let strings = contents(file, index, strings)?;
    let parse = |(index, header): (usize, &SectionHeader)| {
        let name = names.read(strings, header.sh_name);
        let name = name.map_err(|problem| unnamed(index, header.sh_offset, problem))?;
        let data = contents(file, index, header).map_err(|error| rename(error, name))?;
        Ok(Section {
            name,
            kind: header.sh_type,
            flags: header.sh_flags,
            size: if header.sh_type == SHT_NULL {
                0
            } else {
                header.sh_size
            },
            link: header.sh_link,
            info: header.sh_info,
            data,
            offset: header.sh_offset,
        })
    };
    headers.iter().enumerate().map(parse).collect()
}

/// An error about a section whose name is not known.
fn unnamed(index: usize, offset: u64, problem: SectionProblem) -> ObjectError {
    ObjectError::Section {
        section: format!("[{index}]"),
        offset,
        problem,
    }
}

/// The same error about a section of that name.
fn rename(error: ObjectError, name: &str) -> ObjectError {
    match error {
        ObjectError::Section {
            offset, problem, ..
        } => ObjectError::Section {
            section: name.to_owned(),
            offset,
            problem,
        },
        other => other,
    }
}

/// The bytes of the file that a section has.
fn contents<'a>(
    file: &'a [u8],
    index: usize,
    header: &SectionHeader,
) -> Result<&'a [u8], ObjectError> {
    if matches!(header.sh_type, SHT_NOBITS | SHT_NULL) {
        return Ok(&[]);
    }
    let range = usize::try_from(header.sh_offset)
        .ok()
        .zip(usize::try_from(header.sh_size).ok());
    let bytes = range.and_then(|(start, size)| file.get(start..start.checked_add(size)?));
    let problem = SectionProblem::Outside {
        size: header.sh_size,
        file_size: file.len(),
    };
    bytes.ok_or_else(|| unnamed(index, header.sh_offset, problem))
}

fn check_overlaps(sections: &[Section<'_>]) -> Result<(), ObjectError> {
    let mut placed: Vec<&Section<'_>> = sections
        .iter()
        .filter(|section| !section.data.is_empty())
        .collect();
    placed.sort_by_key(|section| section.offset);
    for pair in placed.windows(2) {
        if let [before, after] = pair
            && before.offset.saturating_add(before.size) > after.offset
        {
            let other = before.name.to_owned();
            return Err(after.error(after.offset, SectionProblem::Overlaps { other }));
        }
    }
    Ok(())
}

fn parse_symbols(sections: &[Section<'_>], names: &mut Names) -> Result<Vec<Symbol>, ObjectError> {
    let mut tables = sections.iter().filter(|section| section.kind == SHT_SYMTAB);
    let Some(table) = tables.next() else {
        return Ok(Vec::new());
    };
    if let Some(second) = tables.next() {
        return Err(second.error(second.offset, SectionProblem::SecondSymbolTable));
    }
    table.check_entries(SYMBOL_SIZE as u64)?;
    let problem = SectionProblem::SectionIndex {
        index: u64::from(table.link),
        count: sections.len(),
    };
    let strings = sections
        .get(table.link as usize)
        .ok_or_else(|| table.error(0, problem))?;
    let count = table.data.len() / SYMBOL_SIZE;
    if count == 0 {
        return Ok(Vec::new());
    }
    let cut = |_| {
        table.error(
            0,
            SectionProblem::PartialEntry {
                size: table.size,
                entry_size: SYMBOL_SIZE as u64,
            },
        )
    };
    let entries = Symtab::parse(table.data, 0, count, CTX).map_err(cut)?;
    let parse = |(at, entry): (u64, Sym)| {
        let symbol = parse_symbol(&entry, sections, strings.data, names);
        symbol.map_err(|problem| table.error(at.saturating_mul(SYMBOL_SIZE as u64), problem))
    };
    (0..).zip(entries.iter()).map(parse).collect()
}

fn parse_symbol(
    entry: &Sym,
    sections: &[Section<'_>],
    strings: &[u8],
    names: &mut Names,
) -> Result<Symbol, SectionProblem> {
    let place = match u32::try_from(entry.st_shndx).unwrap_or(u32::MAX) {
        SHN_UNDEF => Place::Undefined,
        SHN_LORESERVE.. => Place::Special(entry.st_shndx as u64),
        _ if entry.st_shndx < sections.len() => Place::Section(entry.st_shndx),
        index => {
            return Err(SectionProblem::SectionIndex {
                index: u64::from(index),
                count: sections.len(),
            });
        }
    };
    let kind = match entry.st_type() {
        STT_FUNC => SymbolKind::Function,
        STT_OBJECT => SymbolKind::Object,
        STT_SECTION => SymbolKind::Section,
        _ => SymbolKind::Other,
    };
    let name = match (kind, place) {
        (SymbolKind::Section, Place::Section(index)) => {
            sections.get(index).map_or("", |section| section.name)
        }
        _ => names.read(strings, entry.st_name)?,
    };
    let binding = match entry.st_bind() {
        STB_LOCAL => Binding::Local,
        STB_WEAK => Binding::Weak,
        _ => Binding::Global,
    };
    let visibility = match entry.st_visibility() {
        STV_HIDDEN | STV_INTERNAL => Visibility::Hidden,
        _ => Visibility::Default,
    };
    Ok(Symbol {
        name: name.into(),
        place,
        value: entry.st_value,
        size: entry.st_size,
        kind,
        binding,
        visibility,
    })
}

/// Reads names and keeps count of the bytes that they take.
#[derive(Debug)]
pub(super) struct Names {
    left: usize,
    limit: usize,
}

impl Names {
    fn read<'a>(&mut self, strings: &'a [u8], at: usize) -> Result<&'a str, SectionProblem> {
        let broken = SectionProblem::Name {
            name: at as u64,
            size: strings.len(),
        };
        if at == 0 {
            return Ok("");
        }
        let from = strings.get(at..).ok_or_else(|| broken.clone())?;
        let name = std::ffi::CStr::from_bytes_until_nul(from).map_err(|_| broken.clone())?;
        let name = name.to_str().map_err(|_| broken)?;
        self.charge(name)?;
        Ok(name)
    }

    /// Counts a copy of a name.
    pub(super) fn charge(&mut self, name: &str) -> Result<(), SectionProblem> {
        let left = self.left.checked_sub(name.len());
        self.left = left.ok_or(SectionProblem::NamesTooLong { limit: self.limit })?;
        Ok(())
    }
}
