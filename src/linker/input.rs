//! An object as the linker sees it: sections, symbols, relocations and types.
//!
//! It is read once and checked; nothing is joined here.

use goblin::elf::header::{EM_BPF, ET_REL};
use goblin::elf::section_header::{
    SHT_NOBITS, SHT_NULL, SHT_PROGBITS, SHT_REL, SHT_STRTAB, SHT_SYMTAB,
};
use goblin::elf::sym::STT_FUNC;
use goblin::elf::{Elf, SectionHeader};

use super::LinkerError;
use crate::btf::{Btf, BtfExt};

/// Section types of LLVM's own, which say nothing to a loader (`SHT_LLVM_*`).
const LLVM_TYPES: std::ops::Range<u32> = 0x6fff_4c00..0x6fff_4d00;

/// The largest alignment of a section, that of a page of the largest kind.
const MAX_ALIGN: u64 = 1 << 16;

/// An object.
pub(super) struct Input<'a> {
    /// What it is called in errors.
    pub(super) name: &'a str,
    /// Its sections by index.
    pub(super) sections: Vec<Section<'a>>,
    /// Its symbols by index.
    pub(super) symbols: Vec<Symbol<'a>>,
    /// Its types.
    pub(super) btf: Option<Btf>,
    /// What type information says of instructions.
    pub(super) ext: Option<BtfExt>,
}

/// A section.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) align: u64,
    /// Its size; there are no bytes of it if it is zeros.
    pub(super) size: u64,
    pub(super) data: &'a [u8],
    pub(super) relocations: Vec<Relocation>,
}

/// What becomes of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is joined with those of its name.
    Join,
    /// There is one for all objects, and it must be the same.
    Once,
    /// It is left out, or made anew.
    Skip,
}

/// A symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    pub(super) value: u64,
    pub(super) size: u64,
    /// Type and binding.
    pub(super) info: u8,
    /// Visibility.
    pub(super) other: u8,
    /// Its section, none where it is defined elsewhere.
    pub(super) section: Option<usize>,
}

impl Symbol<'_> {
    pub(super) fn binding(&self) -> u8 {
        self.info >> 4
    }

    pub(super) fn kind(&self) -> u8 {
        self.info & 0xf
    }

    /// Whether it is a function, or what else in words.
    pub(super) fn kind_name(&self) -> &'static str {
        if self.kind() == STT_FUNC {
            "a function"
        } else {
            "data"
        }
    }
}

/// A place that refers to a symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    pub(super) offset: u64,
    pub(super) symbol: usize,
    pub(super) kind: u32,
}

impl<'a> Input<'a> {
    pub(super) fn parse(name: &'a str, bytes: &'a [u8]) -> Result<Input<'a>, LinkerError> {
        let file = || name.to_owned();
        let elf = Elf::parse(bytes).map_err(|source| LinkerError::Elf {
            file: file(),
            source,
        })?;
        check(&elf, name)?;
        let mut sections = Vec::with_capacity(elf.section_headers.len());
        for header in &elf.section_headers {
            sections.push(section(&elf, header, name, bytes)?);
        }
        add_relocations(&elf, &mut sections);
        let text = |sections: &[Section<'a>], wanted| {
            let mut found = sections.iter().filter(|section| section.name == wanted);
            found.next().map(|section| section.data)
        };
        let broken = |source| LinkerError::Btf {
            file: file(),
            source,
        };
        let btf = text(&sections, ".BTF").map(|data| Btf::parse(data.to_vec()));
        let btf = btf.transpose().map_err(broken)?;
        let ext = match (text(&sections, ".BTF.ext"), &btf) {
            (Some(data), Some(btf)) => Some(BtfExt::parse(data, btf).map_err(broken)?),
            _ => None,
        };
        Ok(Input {
            name,
            symbols: symbols(&elf, &sections),
            sections,
            btf,
            ext,
        })
    }
}

fn check(elf: &Elf<'_>, name: &str) -> Result<(), LinkerError> {
    let header = &elf.header;
    let got = match () {
        () if !elf.is_64 || !elf.little_endian => "not 64-bit little-endian".to_owned(),
        () if header.e_machine != EM_BPF => format!("machine {}", header.e_machine),
        () if header.e_type != ET_REL => format!("ELF type {}", header.e_type),
        () => return Ok(()),
    };
    Err(LinkerError::NotBpf {
        file: name.to_owned(),
        got,
    })
}

fn section<'a>(
    elf: &Elf<'a>,
    header: &SectionHeader,
    file: &str,
    bytes: &'a [u8],
) -> Result<Section<'a>, LinkerError> {
    let name = elf.shdr_strtab.get_at(header.sh_name).unwrap_or_default();
    let role = role(name, header.sh_type).ok_or_else(|| LinkerError::SectionType {
        file: file.to_owned(),
        section: name.to_owned(),
        got: header.sh_type,
    })?;
    let data = match header.sh_type {
        SHT_NOBITS | SHT_NULL => &[][..],
        _ => header
            .file_range()
            .and_then(|range| bytes.get(range))
            .ok_or_else(|| LinkerError::Outside {
                file: file.to_owned(),
                what: format!("section `{name}`"),
            })?,
    };
    let align = header.sh_addralign.max(1);
    if role != Role::Skip && !(align.is_power_of_two() && align <= MAX_ALIGN) {
        return Err(LinkerError::Alignment {
            file: file.to_owned(),
            section: name.to_owned(),
            got: align,
        });
    }
    Ok(Section {
        name,
        role,
        kind: header.sh_type,
        flags: header.sh_flags,
        align,
        size: header.sh_size,
        data,
        relocations: Vec::new(),
    })
}

/// What becomes of a section of that name and type; none where that is not known.
fn role(name: &str, kind: u32) -> Option<Role> {
    match kind {
        SHT_NULL | SHT_STRTAB | SHT_SYMTAB | SHT_REL => Some(Role::Skip),
        kind if LLVM_TYPES.contains(&kind) => Some(Role::Skip),
        SHT_PROGBITS | SHT_NOBITS => Some(match name {
            "license" | "version" => Role::Once,
            ".BTF" | ".BTF.ext" => Role::Skip,
            name if name.starts_with(".debug_") => Role::Skip,
            _ => Role::Join,
        }),
        _ => None,
    }
}

fn add_relocations(elf: &Elf<'_>, sections: &mut [Section<'_>]) {
    for (index, relocations) in &elf.shdr_relocs {
        let header = elf.section_headers.get(*index);
        let target = header.and_then(|header| sections.get_mut(header.sh_info as usize));
        let Some(target) = target.filter(|target| target.role != Role::Skip) else {
            continue;
        };
        target
            .relocations
            .extend(relocations.iter().map(|found| Relocation {
                offset: found.r_offset,
                symbol: found.r_sym,
                kind: found.r_type,
            }));
    }
}

fn symbols<'a>(elf: &Elf<'a>, sections: &[Section<'a>]) -> Vec<Symbol<'a>> {
    let symbol = |found: goblin::elf::Sym| Symbol {
        name: elf.strtab.get_at(found.st_name).unwrap_or_default(),
        value: found.st_value,
        size: found.st_size,
        info: found.st_info,
        other: found.st_other,
        section: (found.st_shndx != 0 && found.st_shndx < sections.len()).then_some(found.st_shndx),
    };
    elf.syms.iter().map(symbol).collect()
}
