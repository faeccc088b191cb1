//! From the ELF object that clang made to programs and maps that are ready to judge and run.
//!
//! [`Object::parse`] reads the file and depends on nothing else: the same bytes give the same
//! `Object` on every host. [`Object::link`] lays out each program with the subprograms it calls,
//! resolves maps and CO-RE relocations, and gives [`Program`]s. No running kernel is consulted.
//!
//! The rules are those of libbpf 1.5 (used under its BSD-2-Clause licence), but for these: legacy
//! `maps` sections are accepted, so are static functions outside `.text` and calls of programs;
//! an extern that the kernel does not have makes every program fail to link, not the object; maps lie
//! where their symbols say, whatever type information says.
//!
//! Input is not trusted. Memory stays within a few times the file's size: sections may not share
//! bytes, names and source lines have a budget, `.bss` is not allocated, and linked code is at
//! most [`PROGRAM_LIMIT`] and [`OBJECT_LIMIT`] instructions.

mod assembly;
mod assign;
mod btf_file;
mod btf_maps;
mod code;
mod core;
mod elf;
mod error;
mod externs;
mod fields;
mod globals;
mod kconfig;
mod kernel_call;
mod link;
mod maps;
mod program;
mod resolve;
mod sections;
mod setup;
mod struct_ops;
mod surroundings;
mod symbols;
mod target;
pub mod usdt;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::btf::core::Targets;
use crate::btf::{self, Btf, Type};

use self::code::{Code, Content, Entry};
use self::elf::{Binding, Elf, Place, Symbol};
use self::error::SectionProblem as Problem;
use self::externs::Externs;
use self::maps::{Maps, Target};

pub use self::assembly::{AssemblyError, program_name};
pub use self::btf_file::read_btf;
pub use self::core::POISON;
pub use self::error::{
    AttachProblem, CoreProblem, ExternProblem, HeaderProblem, LinkError, MapProblem, ObjectError,
    ReferenceProblem, SectionProblem, StructOpsProblem, VariableProblem,
};
pub use self::externs::{Need, Supplied, SuppliedKind};
pub use self::fields::{Field, FieldKind, Fields, FieldsError, Kptr, KptrHold, Root};
pub use self::globals::Global;
pub use self::kconfig::Kconfig;
pub use self::kernel_call::{CallFacts, KernelCall, NewObject};
pub use self::link::{MISSING_FUNCTION, OBJECT_LIMIT, PROGRAM_LIMIT};
pub use self::program::{
    AttachBtf, Autoload, Initial, Lack, Line, Linkage, MapSpec, MissingFunction, ModuleSymbol,
    Origin, Pinning, Poisoned, Program, Sleepable, Subprog,
};
pub use self::setup::{Assignment, Setup, version_code};
pub use self::struct_ops::StructOps;
pub use self::symbols::KernelSymbols;
pub use self::target::{AttachProgram, Joint, TargetPrograms};

/// The longest licence that counts (libbpf keeps 63 bytes).
const LICENCE_LEN: usize = 63;

/// The longest object name that counts (`BPF_OBJ_NAME_LEN` without its NUL).
const NAME_LEN: usize = 15;

/// 32-bit relocations of type information: `R_BPF_64_ABS32` and `R_BPF_64_NODYLD32`.
const R_BPF_WORDS: [u32; 2] = [3, 4];

/// A parsed object.
#[derive(Debug)]
pub struct Object {
    name: String,
    licence: String,
    version: Option<u32>,
    btf: Option<Arc<Btf>>,
    maps: Arc<[MapSpec]>,
    /// By section and offset: the maps that are declared there.
    map_places: BTreeMap<(usize, u64), u32>,
    globals: Vec<Global>,
    externs: Externs,
    /// The map of values of the kernel's configuration.
    config_map: Option<u32>,
    code: Code,
    /// The symbols of the file, which relocations refer to.
    symbols: Vec<Symbol>,
}

/// What linking depends on beside the object.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkOptions<'a> {
    /// The kernel's types, for CO-RE; `None` stands for the embedded Linux 6.12, which is read
    /// only when a program needs it.
    pub target_btf: Option<&'a Btf>,
    /// The kernel's configuration and symbols, and values for global variables; `None` stands for
    /// the modelled kernel's, and the variables as they are.
    pub setup: Option<&'a Setup>,
    /// The types of its modules, each split from the kernel's: what they have counts only where
    /// the kernel itself has nothing of that name.
    pub module_btfs: &'a [Arc<Btf>],
    /// Whether the kernel must have what objects need of it.
    pub needs: Needs,
    /// The programs whose functions others replace or trace.
    pub target: Option<&'a TargetPrograms>,
}

/// Whether a kernel must have what an object needs of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needs {
    /// It must, or no program links.
    #[default]
    Met,
    /// It must, but for what programs attach to: they are judged as programs of another type.
    Unattached,
    /// It need not: the object is only looked at. Programs that attach to what is not there, and those that use
    /// externs that are not there, link as they do with weak externs.
    Listed,
}

/// The programs and maps of an object.
#[derive(Debug)]
pub struct Linked {
    /// Each program by section and offset, or why it does not link.
    pub programs: Vec<Result<Program, LinkError>>,
    /// The maps, shared with the programs.
    pub maps: Arc<[MapSpec]>,
}

impl<'a> LinkOptions<'a> {
    fn targets(&self) -> Targets<'a> {
        Targets {
            kernel: self.target_btf(),
            modules: self.module_btfs,
        }
    }

    fn target_btf(&self) -> &'a Btf {
        self.target_btf.unwrap_or_else(|| btf::kernel_6_12())
    }
}

impl Object {
    /// Parses an ELF object. `name` is its file's name, after which data maps are named: what is
    /// between the last slash and the next dot counts.
    ///
    /// # Errors
    /// The file is not an object for BPF, or is broken.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Object, ObjectError> {
        let mut elf = Elf::parse(bytes)?;
        let mut btf = parse_btf(&elf)?;
        let externs = Externs::parse(&elf, btf.as_mut())?;
        let btf = btf.map(Arc::new);
        let name = object_name(name);
        let mut maps = Maps::parse(&mut elf, &name, btf.as_deref())?;
        let config_map = (externs.config_size > 0)
            .then(|| maps.add_config(&name, externs.config_size, btf.as_deref()));
        let mut code = Code::parse(&mut elf, &maps)?;
        if let (Some(section), Some(btf)) = (elf.find(".BTF.ext"), &btf) {
            code.add_info(section, btf)?;
        }
        add_values(&mut elf, &mut maps, &code)?;
        let tables = struct_ops::parse(&mut elf, btf.as_deref(), &code)?;
        maps.specs.extend(tables);
        Ok(Object {
            name,
            licence: parse_licence(&elf),
            version: parse_version(&elf)?,
            globals: globals::collect(&code, &elf.symbols, btf.as_deref()),
            btf,
            maps: maps.specs.into(),
            map_places: maps.declared,
            externs,
            config_map,
            code,
            symbols: elf.symbols,
        })
    }

    /// Links every program.
    pub fn link(&self, options: &LinkOptions<'_>) -> Linked {
        link::link(self, options)
    }

    /// Its name: its file's up to the first dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its licence, empty when it has none.
    pub fn licence(&self) -> &str {
        &self.licence
    }

    /// The kernel version it asks for (`version` section), which kernels since 5.0 ignore.
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// Its type information.
    pub fn btf(&self) -> Option<&Arc<Btf>> {
        self.btf.as_ref()
    }

    /// Its maps: declared ones by offset, then those of data sections.
    pub fn maps(&self) -> &Arc<[MapSpec]> {
        &self.maps
    }

    /// How many of its instructions depend on the types of the kernel.
    pub fn core_relocation_count(&self) -> usize {
        let sections = self.code.sections.iter();
        sections.map(|section| section.core.len()).sum()
    }

    /// What the kernel or the loader must supply: externs, in libbpf's order.
    pub fn externs(&self) -> impl Iterator<Item = Supplied<'_>> {
        self.externs.list.iter().map(Supplied::of)
    }

    /// Its global variables by map and offset.
    pub fn globals(&self) -> &[Global] {
        &self.globals
    }
}

/// What libbpf calls an object with a file of that name.
fn object_name(file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    let stem = base.split('.').next().unwrap_or(base);
    stem.chars()
        .scan(0, |len, c| {
            *len += c.len_utf8();
            (*len <= NAME_LEN).then_some(c)
        })
        .collect()
}

fn parse_licence(elf: &Elf<'_>) -> String {
    let data = elf.find("license").map_or(&[][..], |section| section.data);
    let text = data.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text.get(..LICENCE_LEN).unwrap_or(text)).into_owned()
}

fn parse_version(elf: &Elf<'_>) -> Result<Option<u32>, ObjectError> {
    let Some(section) = elf.find("version") else {
        return Ok(None);
    };
    let problem = Problem::WrongSize {
        got: section.data.len(),
        want: 4,
    };
    let bytes = <[u8; 4]>::try_from(section.data).map_err(|_| section.error(0, problem))?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

/// Parses `.BTF`, and says in it where variables are in their sections, as compilers leave to
/// loaders.
fn parse_btf(elf: &Elf<'_>) -> Result<Option<Btf>, ObjectError> {
    let Some(section) = elf.find(".BTF") else {
        return Ok(None);
    };
    let mut bytes = section.data.to_vec();
    for (_, relocations) in elf.relocations(|target| std::ptr::eq(target, section))? {
        for relocation in relocations
            .iter()
            .filter(|relocation| R_BPF_WORDS.contains(&relocation.kind))
        {
            let value = elf
                .symbols
                .get(relocation.symbol)
                .map_or(0, |symbol| symbol.value);
            add_word(&mut bytes, relocation.offset, value).ok_or_else(|| {
                let problem = Problem::RelocationOutside {
                    target: section.name.to_owned(),
                    size: section.data.len(),
                };
                section.error(relocation.offset, problem)
            })?;
        }
    }
    let mut btf = Btf::parse(bytes)?;
    place_sections(&mut btf, elf);
    Ok(Some(btf))
}

/// Gives the data sections of type information the sizes of the file's sections. The offsets in
/// them come from relocations; those of maps from symbols, for bpftool's linker leaves a map at 0
/// that another object declares as extern before.
fn place_sections(btf: &mut Btf, elf: &Elf<'_>) {
    let sections: HashMap<&str, (usize, u32)> = (0..)
        .zip(&elf.sections)
        .filter_map(|(index, section)| {
            Some((section.name, (index, u32::try_from(section.size).ok()?)))
        })
        .collect();
    let found = |id| match btf.ty(id) {
        Type::Datasec { name, .. } => Some((id, sections.get(name).copied()?)),
        _ => None,
    };
    let datasecs: Vec<_> = btf.ids().filter_map(found).collect();
    for (id, (index, size)) in datasecs {
        let is_maps = elf
            .sections
            .get(index)
            .is_some_and(|section| sections::role(section) == sections::Role::Maps);
        let offsets = match is_maps {
            true => symbol_offsets(elf, index),
            false => HashMap::new(),
        };
        btf.place_section(id, size, |name| offsets.get(name).copied());
    }
}

/// Where in a section its visible symbols are.
fn symbol_offsets<'a>(elf: &'a Elf<'_>, section: usize) -> HashMap<&'a str, u32> {
    let visible = elf.symbols.iter().filter(|symbol| {
        symbol.place == Place::Section(section)
            && matches!(symbol.binding, Binding::Global | Binding::Weak)
    });
    visible
        .filter_map(|symbol| Some((&*symbol.name, u32::try_from(symbol.value).ok()?)))
        .collect()
}

/// Adds to the little-endian word at an offset.
fn add_word(bytes: &mut [u8], offset: u64, value: u64) -> Option<()> {
    let start = usize::try_from(offset).ok()?;
    let word = bytes.get_mut(start..)?.first_chunk_mut::<4>()?;
    #[expect(clippy::cast_possible_truncation, reason = "the field has 32 bits")]
    let sum = u32::from_le_bytes(*word).wrapping_add(value as u32);
    *word = sum.to_le_bytes();
    Some(())
}

/// Takes the initial contents of maps from the relocations of `.maps`.
fn add_values(elf: &mut Elf<'_>, maps: &mut Maps, code: &Code) -> Result<(), ObjectError> {
    for (index, relocations) in
        elf.relocations(|section| sections::role(section) == sections::Role::Maps)?
    {
        for relocation in relocations {
            let Some(symbol) = elf.symbols.get(relocation.symbol) else {
                continue;
            };
            let Some(section) = elf.sections.get(index) else {
                continue;
            };
            elf.names
                .charge(&symbol.name)
                .map_err(|problem| section.error(relocation.offset, problem))?;
            maps.add_value(section, relocation.offset, value_target(symbol, maps, code))?;
        }
    }
    Ok(())
}

/// What a slot of initial contents that refers to a symbol holds.
fn value_target<'a>(symbol: &'a Symbol, maps: &Maps, code: &Code) -> Target<'a> {
    let Place::Section(place) = symbol.place else {
        return Target::Other(&symbol.name);
    };
    if let Some(&map) = maps.declared.get(&(place, symbol.value)) {
        return Target::Map(map);
    }
    let Some(Content::Code(section)) = code.places.get(place).map(|loaded| loaded.content) else {
        return Target::Other(&symbol.name);
    };
    let start = u32::try_from(symbol.value / code::SLOT)
        .ok()
        .filter(|_| symbol.value.is_multiple_of(code::SLOT));
    let function = start.and_then(|start| code.function_at(section, start));
    match function.and_then(|index| code.functions.get(index)) {
        Some(function) if function.entry == Entry::Program => Target::Program(&symbol.name),
        _ => Target::Other(&symbol.name),
    }
}
