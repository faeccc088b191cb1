//! Map declarations of the `.maps` section: structures whose member types hold the numbers.
//!
//! `__uint(max_entries, 64)` is a member of type `int (*)[64]`, `__type(key, u32)` one of type
//! `u32 *`. The rules are those of libbpf 1.5 (`parse_btf_map_def`), which are the only
//! definition of the format. What is not here: contents, which are relocations of `values`.

use crate::abi::MapType;
use crate::btf::{Btf, BtfId, KindFilter, Member, SecEntry, Type, VarLinkage};

use super::elf::{Names, Section};
use super::error::{MapProblem, ObjectError, SectionProblem};
use super::{Fields, Initial, MapSpec, Origin, Pinning};

/// The page size that ring buffers are made of.
const PAGE_SIZE: u32 = 4096;

/// The bytes of a map descriptor, which a map of maps or programs holds.
const DESCRIPTOR_SIZE: u32 = 4;

/// A declared map, and where its declaration is.
#[derive(Debug)]
pub(super) struct Declared {
    /// The map.
    pub(super) spec: MapSpec,
    /// Offset of the declaration in its section.
    pub(super) offset: u64,
    /// Size of the declaration.
    pub(super) size: u64,
    /// Offset of `values` in the declaration, if it has some.
    pub(super) values: Option<u64>,
}

/// The maps that a `.maps` section declares, by offset.
pub(super) fn parse(
    section: &Section<'_>,
    btf: Option<&Btf>,
    names: &mut Names,
) -> Result<Vec<Declared>, ObjectError> {
    let missing = |missing| section.error(0, SectionProblem::NoBtf { missing });
    let btf = btf.ok_or_else(|| missing(".BTF section"))?;
    let datasec = btf
        .find(section.name, KindFilter::DATASEC)
        .map(|id| btf.ty(id));
    let Some(Type::Datasec { entries, .. }) = datasec else {
        return Err(missing("description of .maps in .BTF"));
    };
    let parse = |entry: SecEntry| {
        let (name, var, linkage) = match btf.ty(entry.var) {
            Type::Var { name, ty, linkage } => (name, ty, linkage),
            other => (other.name(), BtfId::VOID, VarLinkage::Global),
        };
        names
            .charge(name)
            .map_err(|problem| section.error(0, problem))?;
        let place = Place {
            offset: u64::from(entry.offset),
            size: u64::from(entry.size),
            section_size: section.size,
        };
        let declared = parse_variable(btf, name, var, linkage, place);
        declared.map_err(|problem| ObjectError::Map {
            map: name.to_owned(),
            problem,
        })
    };
    let mut maps = entries.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    maps.sort_by_key(|map| map.offset);
    Ok(maps)
}

/// Where a variable is.
struct Place {
    offset: u64,
    size: u64,
    section_size: u64,
}

fn parse_variable(
    btf: &Btf,
    name: &str,
    ty: BtfId,
    linkage: VarLinkage,
    place: Place,
) -> Result<Declared, MapProblem> {
    let Place {
        offset,
        size,
        section_size,
    } = place;
    match linkage {
        VarLinkage::Global => {}
        VarLinkage::Static => return Err(MapProblem::Linkage { got: "static" }),
        VarLinkage::Extern => return Err(MapProblem::Linkage { got: "extern" }),
        VarLinkage::Other(_) => return Err(MapProblem::Linkage { got: "unknown" }),
    }
    let Type::Struct(definition) = btf.resolved(ty) else {
        return Err(MapProblem::NotStruct);
    };
    if offset.saturating_add(size) > section_size || u64::from(definition.size) > size {
        let size = size.max(u64::from(definition.size));
        return Err(MapProblem::Outside {
            offset,
            size,
            section_size,
        });
    }
    let mut draft = Draft::new(btf, Level::Outer);
    for member in definition.members.iter() {
        draft.add(&member)?;
    }
    let values = draft.values;
    Ok(Declared {
        spec: draft.finish(name)?,
        offset,
        size,
        values,
    })
}

/// Whether a declaration stands alone or inside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Outer,
    Inner,
}

/// A declaration while its members are read.
struct Draft<'a> {
    btf: &'a Btf,
    level: Level,
    map_type: Option<u32>,
    key_size: Option<u32>,
    value_size: Option<u32>,
    max_entries: u32,
    flags: u32,
    extra: u64,
    key_type: Option<BtfId>,
    value_type: Option<BtfId>,
    fields: Fields,
    pinning: Pinning,
    inner: Option<Box<Draft<'a>>>,
    values: Option<u64>,
}

impl<'a> Draft<'a> {
    fn new(btf: &'a Btf, level: Level) -> Draft<'a> {
        Draft {
            btf,
            level,
            map_type: None,
            key_size: None,
            value_size: None,
            max_entries: 0,
            flags: 0,
            extra: 0,
            key_type: None,
            value_type: None,
            fields: Fields::default(),
            pinning: Pinning::None,
            inner: None,
            values: None,
        }
    }

    fn add(&mut self, member: &Member<'_>) -> Result<(), MapProblem> {
        if self.values.is_some() {
            return Err(bad("values", "to be the last one"));
        }
        match member.name {
            "type" => self.map_type = Some(self.number(member)?),
            "max_entries" => self.max_entries = self.number(member)?,
            "map_flags" => self.flags = self.number(member)?,
            // Memory has one node here, but the number must be one.
            "numa_node" => drop(self.number(member)?),
            "key_size" => {
                self.key_size = set_size(self.key_size, self.number(member)?, member.name)?
            }
            "value_size" => {
                self.value_size = set_size(self.value_size, self.number(member)?, member.name)?
            }
            "key" => {
                let (ty, size) = self.pointee(member)?;
                self.key_size = set_size(self.key_size, size, member.name)?;
                self.key_type = Some(ty);
            }
            "value" => {
                let (ty, size) = self.pointee(member)?;
                self.value_size = set_size(self.value_size, size, member.name)?;
                self.value_type = Some(ty);
                self.fields = Fields::of_value(self.btf, ty).unwrap_or_default();
            }
            "values" => self.add_values(member)?,
            "pinning" => self.pinning = self.pinning(member)?,
            "map_extra" => self.extra = self.long(member)?,
            field => {
                return Err(MapProblem::UnknownField {
                    field: field.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The number in `int (*name)[number]`.
    fn number(&self, member: &Member<'_>) -> Result<u32, MapProblem> {
        if let Type::Ptr { to } = self.btf.resolved(member.ty)
            && let Type::Array { count, .. } = self.btf.ty(to)
        {
            return Ok(count);
        }
        Err(bad(member.name, "a pointer to an array, as __uint() makes"))
    }

    /// As [`Draft::number`], or the only value of an enumeration.
    fn long(&self, member: &Member<'_>) -> Result<u64, MapProblem> {
        let Some(enumeration) = self.btf.resolved(member.ty).enumeration() else {
            return self.number(member).map(u64::from);
        };
        match (enumeration.values.len(), enumeration.values.get(0)) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "values have 64 bits, of either sign"
            )]
            (1, Some(only)) => Ok(only.value as u64),
            _ => Err(bad(
                member.name,
                "an enumeration of one value, as __ulong() makes",
            )),
        }
    }

    /// The type in `type *name`, and its size.
    fn pointee(&self, member: &Member<'_>) -> Result<(BtfId, u32), MapProblem> {
        let Type::Ptr { to } = self.btf.resolved(member.ty) else {
            return Err(bad(member.name, "a pointer, as __type() makes"));
        };
        let size = self
            .btf
            .size_of(to)
            .and_then(|size| u32::try_from(size).ok());
        size.map(|size| (to, size))
            .ok_or_else(|| bad(member.name, "a pointer to a type with a size"))
    }

    fn pinning(&self, member: &Member<'_>) -> Result<Pinning, MapProblem> {
        match (self.number(member)?, self.level) {
            (_, Level::Inner) => Err(MapProblem::PinnedInner),
            (0, Level::Outer) => Ok(Pinning::None),
            (1, Level::Outer) => Ok(Pinning::ByName),
            (got, Level::Outer) => Err(MapProblem::UnknownPinning { got }),
        }
    }

    /// `values`: an open array of pointers to inner map definitions or to functions.
    fn add_values(&mut self, member: &Member<'_>) -> Result<(), MapProblem> {
        let map_type = self.map_type.and_then(MapType::from_number);
        let nested = match map_type {
            _ if self.level == Level::Inner => return Err(MapProblem::NestedInner),
            Some(MapType::ArrayOfMaps | MapType::HashOfMaps) => true,
            Some(MapType::ProgArray) => false,
            _ => {
                return Err(bad(
                    "values",
                    "a map of maps or of programs, and its type before",
                ));
            }
        };
        let Type::Array { elem, count: 0, .. } = self.btf.resolved(member.ty) else {
            return Err(bad("values", "an open array, as __array() makes"));
        };
        let Type::Ptr { to } = self.btf.resolved(elem) else {
            return Err(bad("values", "an array of pointers"));
        };
        self.value_size = set_size(self.value_size, DESCRIPTOR_SIZE, "values")?;
        match self.btf.resolved(to) {
            Type::Struct(definition) if nested => {
                let mut inner = Draft::new(self.btf, Level::Inner);
                for member in definition.members.iter() {
                    inner.add(&member)?;
                }
                self.inner = Some(Box::new(inner));
            }
            Type::FuncProto { .. } if !nested => {}
            _ if nested => return Err(bad("values", "pointers to map definitions")),
            _ => return Err(bad("values", "pointers to functions")),
        }
        self.values = Some(u64::from(member.bit_offset / 8));
        Ok(())
    }

    fn finish(self, name: &str) -> Result<MapSpec, MapProblem> {
        let number = self
            .map_type
            .filter(|&number| number != 0)
            .ok_or(MapProblem::NoType)?;
        let map_type = MapType::from_number(number).ok_or(MapProblem::UnknownType { number })?;
        let inner = match self.inner {
            Some(inner) => Some(Box::new(inner.finish(&format!("{name}.inner"))?)),
            None => None,
        };
        let max_entries = match map_type {
            MapType::Ringbuf | MapType::UserRingbuf => ring_size(self.max_entries),
            _ => self.max_entries,
        };
        Ok(MapSpec {
            name: name.to_owned(),
            map_type,
            key_size: self.key_size.unwrap_or(0),
            value_size: self.value_size.unwrap_or(0),
            max_entries,
            flags: self.flags,
            extra: self.extra,
            key_type: self.key_type,
            value_type: self.value_type,
            fields: self.fields,
            inner,
            initial: Initial::Empty,
            origin: Origin::Declared,
            pinning: self.pinning,
        })
    }
}

fn bad(field: &str, want: &'static str) -> MapProblem {
    MapProblem::BadField {
        field: field.to_owned(),
        want,
    }
}

/// The size, unless another one was set before.
fn set_size(before: Option<u32>, got: u32, field: &str) -> Result<Option<u32>, MapProblem> {
    match before {
        Some(before) if before != got => Err(MapProblem::Conflict {
            field: field.to_owned(),
            got: u64::from(got),
            before,
        }),
        _ => Ok(Some(got)),
    }
}

/// The smallest power of two of pages that holds so many bytes (libbpf's `adjust_ringbuf_sz`);
/// 0, and what is too large for any, stay for the kernel to refuse.
fn ring_size(size: u32) -> u32 {
    match size.checked_next_power_of_two() {
        _ if size == 0 => 0,
        Some(power) => power.max(PAGE_SIZE),
        None => size,
    }
}
