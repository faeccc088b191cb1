//! struct_ops: tables of functions that programs stand in for, such as a congestion control's.
//!
//! A variable in `.struct_ops` is a map with one value, an instance of a kernel structure; what its
//! function pointers refer to are programs. [`parse`] reads the variables from the object,
//! [`resolve`] finds the structure in the kernel's types, member by member.
//!
//! Rules, all libbpf's (1.5):
//! - `.struct_ops.link` asks for `BPF_F_LINK`; a leading `?` leaves the map out unless asked for.
//! - A member that the kernel does not have must be zero.
//! - Members that are no functions must have the kernel's kind and size.
//! - A program is loaded for the structure's type and the member's index. One that no map refers
//!   to cannot be loaded; the same program may serve the same member of one structure only.

use std::collections::HashMap;

use crate::abi::{MapType, ProgType, sections};
use crate::btf::{Btf, BtfId, KindFilter, Member, Type, essential_name};

use super::code::{Code, Content, Entry, SLOT};
use super::elf::{Elf, Place, Section, Symbol};
use super::error::{ObjectError, StructOpsProblem};
use super::sections::{self as roles, Role};
use super::{Autoload, Fields, Initial, MapSpec, Origin, Pinning};

/// `BPF_F_LINK`.
const LINK: u32 = 1 << 13;

/// What the kernel calls the value of a map for a structure.
const VALUE_PREFIX: &str = "bpf_struct_ops_";

/// The value of a struct_ops map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructOps {
    /// The structure in the object's types.
    pub ty: BtfId,
    /// Its bytes, without the function pointers.
    pub data: Vec<u8>,
    /// Programs by index of the member that refers to them.
    pub members: Vec<(u32, String)>,
    /// The map's value in the kernel's types, once linked.
    pub kernel_value: Option<BtfId>,
}

/// What a struct_ops program stands in for, in the kernel's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The structure.
    pub(super) ty: BtfId,
    /// The index of its member.
    pub(super) member: u32,
}

/// Reads the variables of the struct_ops sections.
pub(super) fn parse(
    elf: &mut Elf<'_>,
    btf: Option<&Btf>,
    code: &Code,
) -> Result<Vec<MapSpec>, ObjectError> {
    let mut maps = Vec::new();
    let is_table = |section: &Section<'_>| roles::role(section) == Role::StructOps;
    let mut placed = Vec::new();
    for (index, section) in elf.sections.iter().enumerate() {
        if is_table(section) {
            let found = parse_section(section, btf)?;
            placed.push((index, found));
        }
    }
    for (index, relocations) in elf.relocations(is_table)? {
        let found = placed.iter_mut().find(|(section, _)| *section == index);
        let Some((_, variables)) = found else {
            continue;
        };
        for relocation in relocations {
            let Some(symbol) = elf.symbols.get(relocation.symbol) else {
                continue;
            };
            let at = relocation.offset;
            let variable = variables.iter_mut().find(|variable| variable.covers(at));
            if let (Some(variable), Some(btf), Some(section)) =
                (variable, btf, elf.sections.get(index))
            {
                elf.names
                    .charge(&symbol.name)
                    .map_err(|problem| section.error(at, problem))?;
                variable.refer(btf, at, symbol, code)?;
            }
        }
    }
    for (_, variables) in placed {
        maps.extend(variables.into_iter().map(|variable| variable.spec));
    }
    Ok(maps)
}

/// A variable and where it is in its section.
struct Variable {
    offset: u64,
    spec: MapSpec,
}

impl Variable {
    fn covers(&self, at: u64) -> bool {
        at >= self.offset && at - self.offset < u64::from(self.spec.value_size)
    }

    /// Takes what the member at an offset of the section refers to.
    fn refer(
        &mut self,
        btf: &Btf,
        at: u64,
        symbol: &Symbol,
        code: &Code,
    ) -> Result<(), ObjectError> {
        let map = self.spec.name.clone();
        let error = |problem| ObjectError::StructOps {
            map: map.clone(),
            problem,
        };
        let Initial::StructOps(table) = &mut self.spec.initial else {
            return Ok(());
        };
        let bit = at.saturating_sub(self.offset).saturating_mul(8);
        let offset = bit / 8;
        let (index, member) = member_at(btf, table.ty, bit)
            .ok_or_else(|| error(StructOpsProblem::NoMember { offset }))?;
        if !is_function(btf, member.ty) {
            let member = member.name.to_owned();
            return Err(error(StructOpsProblem::NoFunction { member }));
        }
        if !is_program(symbol, code) {
            let (member, symbol) = (member.name.to_owned(), symbol.name.to_string());
            return Err(error(StructOpsProblem::NoProgram { member, symbol }));
        }
        table.members.push((index, symbol.name.to_string()));
        Ok(())
    }
}

/// The index of the function that starts at a bit of a structure of functions.
pub(super) fn function_at(btf: &Btf, ty: BtfId, bit: u64) -> Option<u32> {
    let (index, member) = member_at(btf, ty, bit)?;
    is_function(btf, member.ty).then_some(index)
}

/// The member that starts at a bit.
fn member_at(btf: &Btf, ty: BtfId, bit: u64) -> Option<(u32, Member<'_>)> {
    let members = btf.ty(ty).composite()?.members;
    (0..)
        .zip(members.iter())
        .find(|(_, member)| u64::from(member.bit_offset) == bit)
}

pub(super) fn is_function(btf: &Btf, ty: BtfId) -> bool {
    let Type::Ptr { to } = btf.resolved(ty) else {
        return false;
    };
    matches!(btf.resolved(to), Type::FuncProto { .. })
}

/// Whether a symbol is a struct_ops program.
fn is_program(symbol: &Symbol, code: &Code) -> bool {
    let Place::Section(place) = symbol.place else {
        return false;
    };
    let Some(Content::Code(section)) = code.places.get(place).map(|loaded| loaded.content) else {
        return false;
    };
    let start = u32::try_from(symbol.value / SLOT).ok();
    let start = start.filter(|_| symbol.value.is_multiple_of(SLOT));
    let function = start
        .and_then(|start| code.function_at(section, start))
        .and_then(|index| code.functions.get(index));
    let name = code
        .sections
        .get(section)
        .map_or("", |section| &section.name);
    let kind = sections::parse(name).map(|section| section.prog_type);
    function.is_some_and(|function| function.entry == Entry::Program)
        && kind == Some(ProgType::StructOps)
}

fn parse_section(section: &Section<'_>, btf: Option<&Btf>) -> Result<Vec<Variable>, ObjectError> {
    let error = |map: &str, problem| ObjectError::StructOps {
        map: map.to_owned(),
        problem,
    };
    let undescribed = || error(section.name, StructOpsProblem::Undescribed);
    let btf = btf.ok_or_else(undescribed)?;
    let datasec = btf
        .find(section.name, KindFilter::DATASEC)
        .map(|id| btf.ty(id));
    let Some(Type::Datasec { entries, .. }) = datasec else {
        return Err(undescribed());
    };
    let mut variables = Vec::new();
    for entry in entries.iter() {
        let Type::Var { name, ty, .. } = btf.ty(entry.var) else {
            return Err(undescribed());
        };
        let ty = btf.resolve(ty);
        let structure = match btf.ty(ty) {
            Type::Struct(structure) if !structure.name.is_empty() => structure,
            _ => return Err(error(name, StructOpsProblem::NoStructure)),
        };
        let start = entry.offset as usize;
        let data = section
            .data
            .get(start..start.saturating_add(structure.size as usize))
            .ok_or_else(|| error(name, StructOpsProblem::Outside))?;
        variables.push(Variable {
            offset: u64::from(entry.offset),
            spec: spec(name, section.name, ty, data),
        });
    }
    Ok(variables)
}

fn spec(name: &str, section: &str, ty: BtfId, data: &[u8]) -> MapSpec {
    let (autocreate, section) = match section.strip_prefix('?') {
        Some(rest) => (Autoload::No, rest),
        None => (Autoload::Yes, section),
    };
    MapSpec {
        name: name.to_owned(),
        map_type: MapType::StructOps,
        key_size: 4,
        value_size: u32::try_from(data.len()).unwrap_or(u32::MAX),
        max_entries: 1,
        flags: if section == roles::STRUCT_OPS_LINK {
            LINK
        } else {
            0
        },
        extra: 0,
        key_type: None,
        value_type: Some(ty),
        fields: Fields::default(),
        inner: None,
        initial: Initial::StructOps(StructOps {
            ty,
            data: data.to_vec(),
            members: Vec::new(),
            kernel_value: None,
        }),
        origin: Origin::StructOps { autocreate },
        pinning: Pinning::None,
    }
}

/// What struct_ops programs stand in for, by program.
#[derive(Debug, Default)]
pub(super) struct Slots {
    by_program: HashMap<String, Slot>,
    /// Whether a program is loaded, for those that maps refer to.
    loaded: HashMap<String, Autoload>,
}

impl Slots {
    /// What a program stands in for.
    pub(super) fn of(&self, program: &str) -> Option<Slot> {
        self.by_program.get(program).copied()
    }

    /// Whether a program is loaded, if a map refers to it.
    pub(super) fn autoload(&self, program: &str) -> Option<Autoload> {
        self.loaded.get(program).copied()
    }
}

/// Finds the structures of the maps in the kernel's types, and says so in the maps.
pub(super) fn resolve(
    maps: &mut [MapSpec],
    local: &Btf,
    kernel: &Btf,
) -> Result<Slots, ObjectError> {
    let mut slots = Slots::default();
    for map in maps {
        let Origin::StructOps { autocreate } = map.origin else {
            continue;
        };
        let Initial::StructOps(table) = &mut map.initial else {
            continue;
        };
        for (_, program) in &table.members {
            let loaded = slots.loaded.entry(program.clone()).or_insert(autocreate);
            if autocreate == Autoload::Yes {
                *loaded = Autoload::Yes;
            }
        }
        if autocreate == Autoload::No {
            // Its programs are not loaded unless they are asked for, and need not fit.
            let pair = Pair::new(table.ty, local, kernel);
            let _ = pair.and_then(|pair| pair.check(table, &mut slots));
            continue;
        }
        let pair = Pair::new(table.ty, local, kernel).and_then(|pair| {
            pair.check(table, &mut slots)?;
            Ok(pair)
        });
        let pair = pair.map_err(|problem| ObjectError::StructOps {
            map: map.name.clone(),
            problem,
        })?;
        table.kernel_value = Some(pair.value);
        map.value_size = pair.value_size;
    }
    Ok(slots)
}

/// A structure in the object's types and in the kernel's.
struct Pair<'a> {
    local: &'a Btf,
    kernel: &'a Btf,
    /// The structure in the kernel's types.
    structure: BtfId,
    /// The value of a map for it.
    value: BtfId,
    value_size: u32,
}

impl<'a> Pair<'a> {
    fn new(ty: BtfId, local: &'a Btf, kernel: &'a Btf) -> Result<Pair<'a>, StructOpsProblem> {
        let find = |name: String| {
            let found = kernel.find(&name, KindFilter::STRUCT);
            found.ok_or(StructOpsProblem::NoType { name })
        };
        let name = essential_name(local.ty(ty).name());
        let structure = find(name.to_owned())?;
        let value = find(format!("{VALUE_PREFIX}{name}"))?;
        let value_size = kernel
            .size_of(value)
            .and_then(|size| u32::try_from(size).ok());
        Ok(Pair {
            local,
            kernel,
            structure,
            value,
            value_size: value_size.unwrap_or(0),
        })
    }

    /// Checks each member, and takes the programs that members refer to.
    fn check(&self, table: &StructOps, slots: &mut Slots) -> Result<(), StructOpsProblem> {
        let Some(structure) = self.local.ty(table.ty).composite() else {
            return Ok(());
        };
        for (index, member) in (0..).zip(structure.members.iter()) {
            let program = table.members.iter().find(|(at, _)| *at == index);
            let Some((position, kernel)) = self.find(member.name) else {
                if program.is_some() || !self.is_zero(&member, &table.data) {
                    let member = member.name.to_owned();
                    return Err(StructOpsProblem::NotInKernel { member });
                }
                continue;
            };
            self.check_kinds(&member, &kernel)?;
            if let Some((_, program)) = program {
                let slot = Slot {
                    ty: self.structure,
                    member: position,
                };
                let before = *slots.by_program.entry(program.clone()).or_insert(slot);
                if before != slot {
                    let program = program.clone();
                    return Err(StructOpsProblem::TwoSlots { program });
                }
            }
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<(u32, Member<'a>)> {
        let members = self.kernel.ty(self.structure).composite()?.members;
        (0..)
            .zip(members.iter())
            .find(|(_, member)| member.name == name)
    }

    /// Whether the bytes of a member are zero.
    fn is_zero(&self, member: &Member<'_>, data: &[u8]) -> bool {
        let start = (member.bit_offset / 8) as usize;
        let size = self
            .local
            .size_of(member.ty)
            .and_then(|size| usize::try_from(size).ok());
        let end = start.saturating_add(size.unwrap_or(0)).min(data.len());
        let bytes = data.get(start..end).unwrap_or_default();
        bytes.iter().all(|&byte| byte == 0)
    }

    fn check_kinds(&self, local: &Member<'_>, kernel: &Member<'_>) -> Result<(), StructOpsProblem> {
        let name = || local.name.to_owned();
        if local.bitfield_size.is_some() || kernel.bitfield_size.is_some() {
            return Err(StructOpsProblem::Bitfield { member: name() });
        }
        let kinds = (
            self.local.resolved(local.ty).kind(),
            self.kernel.resolved(kernel.ty).kind(),
        );
        let sizes = (self.local.size_of(local.ty), self.kernel.size_of(kernel.ty));
        let is_pointer = matches!(self.local.resolved(local.ty), Type::Ptr { .. });
        match (kinds, sizes) {
            ((local, kernel), _) if local != kernel => {
                Err(StructOpsProblem::OtherKind { member: name() })
            }
            (_, (got, want)) if !is_pointer && got != want => Err(StructOpsProblem::OtherSize {
                member: name(),
                got: got.unwrap_or(0),
                want: want.unwrap_or(0),
            }),
            _ => Ok(()),
        }
    }
}
