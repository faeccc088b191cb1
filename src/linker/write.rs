//! The output as an ELF object.
//!
//! How ELF is laid out is the `object` crate's business; which sections, symbols and relocations there are is said here.

use std::collections::HashMap;

use goblin::elf::section_header::SHF_EXECINSTR;
use goblin::elf::sym::{STB_LOCAL, STT_FILE, STT_SECTION};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope,
};

use super::LinkerError;
use super::input::{self, Input};
use super::layout::Layout;
use super::relocate::Reference;
use super::symbols::{Global, Globals};
use super::types::Types;

/// The object's bytes.
pub(super) fn write(
    inputs: &[Input<'_>],
    layout: &Layout<'_>,
    globals: &Globals<'_>,
    references: &[Reference],
    types: Option<Types>,
) -> Result<Vec<u8>, LinkerError> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let sections = sections(&mut object, layout);
    let mut writer = Writer {
        object,
        layout,
        sections,
        symbols: HashMap::new(),
    };
    writer.local_symbols(inputs);
    writer.global_symbols(globals);
    writer.references(inputs, globals, references)?;
    if let Some(types) = types {
        writer.metadata(".BTF", types.btf);
        if let Some(ext) = types.ext {
            writer.metadata(".BTF.ext", ext);
        }
    }
    let written = writer.object.write();
    written.map_err(|source| LinkerError::Write { source })
}

/// What a symbol of the output is, before it has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// A symbol of one input, by input and index.
    Local(usize, usize),
    /// A name, by index.
    Global(usize),
}

struct Writer<'a> {
    object: Object<'a>,
    layout: &'a Layout<'a>,
    sections: Vec<SectionId>,
    symbols: HashMap<Key, SymbolId>,
}

fn sections(object: &mut Object<'_>, layout: &Layout<'_>) -> Vec<SectionId> {
    let add = |section: &super::layout::OutSection<'_>| {
        let kind = match () {
            () if section.is_zeros() => SectionKind::UninitializedData,
            () if section.flags & u64::from(SHF_EXECINSTR) != 0 => SectionKind::Text,
            () => SectionKind::Data,
        };
        let id = object.add_section(Vec::new(), section.name.as_bytes().to_vec(), kind);
        if section.is_zeros() {
            object.append_section_bss(id, section.size, section.align);
        } else {
            object.append_section_data(id, &section.data, section.align);
        }
        object.section_mut(id).flags = SectionFlags::Elf {
            sh_flags: section.flags,
        };
        id
    };
    layout.sections.iter().map(add).collect()
}

impl Writer<'_> {
    fn metadata(&mut self, name: &str, bytes: Vec<u8>) {
        let kind = SectionKind::Other;
        let id = self
            .object
            .add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        self.object.append_section_data(id, &bytes, 8);
        self.object.section_mut(id).flags = SectionFlags::Elf { sh_flags: 0 };
    }

    /// Where a symbol of an input is in the output.
    fn place(&self, input: usize, symbol: &input::Symbol<'_>) -> Option<(SymbolSection, u64)> {
        let Some(section) = symbol.section else {
            return Some((SymbolSection::Undefined, 0));
        };
        let spot = self.layout.spot(input, section)?;
        let id = self.sections.get(spot.section)?;
        Some((
            SymbolSection::Section(*id),
            spot.offset.saturating_add(symbol.value),
        ))
    }

    /// Functions, data and labels that only their object sees.
    fn local_symbols(&mut self, inputs: &[Input<'_>]) {
        for (number, input) in inputs.iter().enumerate() {
            for (index, symbol) in input.symbols.iter().enumerate().skip(1) {
                let is_named = !matches!(symbol.kind(), STT_SECTION | STT_FILE);
                if symbol.binding() != STB_LOCAL || !is_named || symbol.section.is_none() {
                    continue;
                }
                let Some((section, value)) = self.place(number, symbol) else {
                    continue;
                };
                let made = make(symbol, symbol.info, symbol.other, section, value);
                let id = self.object.add_symbol(made);
                self.symbols.insert(Key::Local(number, index), id);
            }
        }
    }

    fn global_symbols(&mut self, globals: &Globals<'_>) {
        for (index, global) in globals.all.iter().enumerate() {
            let Some((section, value)) = self.place(global.input, &global.symbol) else {
                continue;
            };
            let Global {
                symbol,
                binding,
                visibility,
                ..
            } = global;
            let info = (binding << 4) | symbol.kind();
            let made = make(symbol, info, *visibility, section, value);
            let id = self.object.add_symbol(made);
            self.symbols.insert(Key::Global(index), id);
        }
    }

    fn references(
        &mut self,
        inputs: &[Input<'_>],
        globals: &Globals<'_>,
        references: &[Reference],
    ) -> Result<(), LinkerError> {
        for reference in references {
            let symbol = self.target(inputs, globals, reference);
            let out = self.layout.sections.get(reference.section);
            let section = self.sections.get(reference.section);
            let (Some(symbol), Some(&section)) = (symbol, section) else {
                return Err(LinkerError::Reference {
                    file: inputs
                        .get(reference.input)
                        .map_or("", |input| input.name)
                        .to_owned(),
                    section: out.map_or("", |out| out.name).to_owned(),
                    offset: reference.offset,
                    symbol: reference.symbol,
                });
            };
            let relocation = Relocation {
                offset: reference.offset,
                symbol,
                addend: 0,
                flags: RelocationFlags::Elf {
                    r_type: reference.kind,
                },
            };
            let added = self.object.add_relocation(section, relocation);
            added.map_err(|source| LinkerError::Write { source })?;
        }
        Ok(())
    }

    /// The symbol of the output that a reference is to.
    fn target(
        &mut self,
        inputs: &[Input<'_>],
        globals: &Globals<'_>,
        reference: &Reference,
    ) -> Option<SymbolId> {
        let symbol = inputs.get(reference.input)?.symbols.get(reference.symbol)?;
        if symbol.kind() == STT_SECTION {
            let spot = self.layout.spot(reference.input, symbol.section?)?;
            let section = *self.sections.get(spot.section)?;
            return Some(self.object.section_symbol(section));
        }
        let key = match symbol.binding() {
            STB_LOCAL => Key::Local(reference.input, reference.symbol),
            _ => Key::Global(globals.index(symbol.name)?),
        };
        self.symbols.get(&key).copied()
    }
}

fn make(
    symbol: &input::Symbol<'_>,
    info: u8,
    other: u8,
    section: SymbolSection,
    value: u64,
) -> Symbol {
    let is_local = info >> 4 == STB_LOCAL;
    Symbol {
        name: symbol.name.as_bytes().to_vec(),
        value,
        size: symbol.size,
        kind: SymbolKind::Unknown,
        scope: if is_local {
            SymbolScope::Compilation
        } else {
            SymbolScope::Dynamic
        },
        weak: false,
        section,
        flags: SymbolFlags::Elf {
            st_info: info,
            st_other: other,
        },
    }
}
