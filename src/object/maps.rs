//! All maps of an object: declared in `.maps` or, as before BTF, in `maps`, and one for each data
//! section.
//!
//! Their order is libbpf's: declarations by offset, then data sections by section; legacy
//! declarations come first. libbpf 1.x refuses legacy declarations; here they work as before it.
//!
//! Data sections become arrays with one value: `.rodata` read-only for programs and frozen, and
//! each of them mappable when it holds a variable that is neither static nor hidden. Contents of
//! `.bss` are not kept: a new array is zero. One is at most [`DATA_LIMIT`] bytes, which is what
//! the kernel takes for a value; nothing is allocated for it here.

use std::collections::{BTreeMap, BTreeSet};

use crate::abi::MapType;
use crate::abi::map_type::flag::{MMAPABLE, RDONLY_PROG};
use crate::btf::{Btf, BtfId, KindFilter, Type, VarLinkage};

use super::btf_maps::{self, Declared};
use super::elf::{Elf, Place, Section, Symbol, SymbolKind, Visibility};
use super::error::{MapProblem, ObjectError, SectionProblem};
use super::externs::CONFIG_SECTION;
use super::sections::{self, Role};
use super::{Fields, Initial, MapSpec, Origin, Pinning};

/// The largest value of an array in Linux 6.12 (`INT_MAX`, in `array_map_alloc_check`).
pub(super) const DATA_LIMIT: u64 = i32::MAX as u64;

/// The page size that arenas are made of.
const PAGE_SIZE: u64 = 4096;

/// Bytes of a slot of `values`: a pointer.
const SLOT_SIZE: u64 = 8;

/// Bytes of a legacy declaration: type, key size, value size, entries, flags.
const LEGACY_SIZE: usize = 20;

/// The bytes that a kernel's object name has at most (`BPF_OBJ_NAME_LEN` without its NUL).
const NAME_LEN: usize = 15;

/// Maps, and what in the file stands for them.
#[derive(Debug, Default)]
pub(super) struct Maps {
    /// The maps.
    pub(super) specs: Vec<MapSpec>,
    /// By section and offset: the maps that are declared there.
    pub(super) declared: BTreeMap<(usize, u64), u32>,
    /// By section: the map that is made of it.
    pub(super) data: BTreeMap<usize, u32>,
    /// The maps of `.maps` by offset.
    values: Vec<Values>,
}

/// Where a declaration and its initial contents are.
#[derive(Debug)]
struct Values {
    map: u32,
    offset: u64,
    size: u64,
    /// Offset of the contents in the declaration.
    values: Option<u64>,
}

impl Maps {
    /// All maps of an object.
    pub(super) fn parse(
        elf: &mut Elf<'_>,
        object: &str,
        btf: Option<&Btf>,
    ) -> Result<Maps, ObjectError> {
        let mut maps = Maps::default();
        for (index, section) in elf.sections.iter().enumerate() {
            if sections::role(section) == Role::LegacyMaps {
                maps.add_legacy(&elf.symbols, index, section)?;
            }
        }
        for (index, section) in elf.sections.iter().enumerate() {
            if sections::role(section) == Role::Maps {
                maps.add_declared(index, btf_maps::parse(section, btf, &mut elf.names)?);
            }
        }
        let hidden = hidden_variables(&elf.symbols);
        for (index, section) in elf.sections.iter().enumerate() {
            if let Role::Data(content) = sections::role(section) {
                let is_hidden = |offset| hidden.contains(&(index, offset));
                let spec = data_map(section, content, object, btf, is_hidden)?;
                let map = maps.add(spec);
                maps.data.insert(index, map);
            }
        }
        maps.add_arena(elf)?;
        Ok(maps)
    }

    /// Gives the arena the contents of its section. libbpf wants one of them where there is the
    /// other.
    fn add_arena(&mut self, elf: &Elf<'_>) -> Result<(), ObjectError> {
        let mut arenas = (0..)
            .zip(&mut self.specs)
            .filter(|(_, map)| map.map_type == MapType::Arena);
        let arena = arenas.next();
        if let Some((_, second)) = arenas.next() {
            let map = second.name.clone();
            return Err(ObjectError::Map {
                map,
                problem: MapProblem::SecondArena,
            });
        }
        let found = elf.sections.iter().enumerate();
        let mut found = found.filter(|(_, section)| sections::role(section) == Role::Arena);
        let Some((index, section)) = found.next() else {
            return Ok(());
        };
        let (map, spec) = arena.ok_or_else(|| section.error(0, SectionProblem::NoArena))?;
        let limit = u64::from(spec.max_entries).saturating_mul(PAGE_SIZE);
        if section.size > limit {
            let size = section.size;
            return Err(section.error(0, SectionProblem::TooLarge { size, limit }));
        }
        spec.initial = Initial::Data(section.data.to_vec());
        self.data.insert(index, map);
        Ok(())
    }

    /// Adds the map of values of the kernel's configuration, and gives its index.
    pub(super) fn add_config(&mut self, object: &str, size: u32, btf: Option<&Btf>) -> u32 {
        self.add(MapSpec {
            name: data_map_name(object, CONFIG_SECTION),
            map_type: MapType::Array,
            key_size: 4,
            value_size: size,
            max_entries: 1,
            flags: RDONLY_PROG | MMAPABLE,
            extra: 0,
            key_type: None,
            value_type: btf.and_then(|btf| btf.find(CONFIG_SECTION, KindFilter::DATASEC)),
            fields: Fields::default(),
            inner: None,
            initial: Initial::Data(vec![0; size as usize]),
            origin: Origin::ReadOnlyData,
            pinning: Pinning::None,
        })
    }

    fn add(&mut self, spec: MapSpec) -> u32 {
        let index = u32::try_from(self.specs.len()).unwrap_or(u32::MAX);
        self.specs.push(spec);
        index
    }

    fn add_declared(&mut self, section: usize, declared: Vec<Declared>) {
        for map in declared {
            let Declared {
                spec,
                offset,
                size,
                values,
            } = map;
            let map = self.add(spec);
            self.declared.insert((section, offset), map);
            self.values.push(Values {
                map,
                offset,
                size,
                values,
            });
        }
    }

    fn add_legacy(
        &mut self,
        symbols: &[Symbol],
        index: usize,
        section: &Section<'_>,
    ) -> Result<(), ObjectError> {
        let is_map = |symbol: &&Symbol| {
            symbol.place == Place::Section(index) && symbol.kind != SymbolKind::Section
        };
        let mut symbols: Vec<&Symbol> = symbols.iter().filter(is_map).collect();
        symbols.sort_by_key(|symbol| symbol.value);
        let size = section.size.checked_div(symbols.len() as u64).unwrap_or(0);
        for symbol in symbols {
            let spec = parse_legacy(section, symbol, size);
            let spec = spec.map_err(|problem| ObjectError::Map {
                map: symbol.name.to_string(),
                problem,
            })?;
            let map = self.add(spec);
            self.declared.insert((index, symbol.value), map);
        }
        Ok(())
    }

    /// Takes initial contents of a map of maps or of programs from a relocation of the `.maps`
    /// section, whose target is what the relocation's symbol stands for.
    pub(super) fn add_value(
        &mut self,
        section: &Section<'_>,
        offset: u64,
        target: Target<'_>,
    ) -> Result<(), ObjectError> {
        let after = self
            .values
            .partition_point(|values| values.offset <= offset);
        let values = after.checked_sub(1).and_then(|last| self.values.get(last));
        let values = values.filter(|values| offset - values.offset < values.size);
        let values = values.ok_or_else(|| section.error(offset, SectionProblem::NoMap))?;
        let Some(spec) = self.specs.get_mut(values.map as usize) else {
            return Ok(());
        };
        let inside = offset - values.offset;
        let slot = values
            .values
            .and_then(|start| inside.checked_sub(start))
            .filter(|at| at % SLOT_SIZE == 0);
        let slot = slot.and_then(|at| u32::try_from(at / SLOT_SIZE).ok());
        let problem = MapProblem::NotASlot { offset: inside };
        let slot = slot.ok_or_else(|| ObjectError::Map {
            map: spec.name.clone(),
            problem,
        })?;
        set_slot(spec, slot, target).map_err(|problem| ObjectError::Map {
            map: spec.name.clone(),
            problem,
        })
    }
}

/// What a slot of initial contents refers to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// A map.
    Map(u32),
    /// An entry program.
    Program(&'a str),
    /// Something else of that name.
    Other(&'a str),
}

fn set_slot(spec: &mut MapSpec, slot: u32, target: Target<'_>) -> Result<(), MapProblem> {
    let is_programs = spec.map_type == MapType::ProgArray;
    match (target, &mut spec.initial) {
        (Target::Program(name), Initial::Programs(slots)) => slots.push((slot, name.to_owned())),
        (Target::Program(name), initial) if is_programs => {
            *initial = Initial::Programs(vec![(slot, name.to_owned())]);
        }
        (Target::Map(map), Initial::Maps(slots)) => slots.push((slot, map)),
        (Target::Map(map), initial) if !is_programs => *initial = Initial::Maps(vec![(slot, map)]),
        (Target::Program(symbol) | Target::Other(symbol), _) => {
            let want = if is_programs {
                "an entry program"
            } else {
                "a map"
            };
            return Err(MapProblem::BadSlot {
                slot,
                symbol: symbol.to_owned(),
                want,
            });
        }
        (Target::Map(_), _) => {
            return Err(MapProblem::BadSlot {
                slot,
                symbol: "a map".to_owned(),
                want: "an entry program",
            });
        }
    }
    Ok(())
}

fn parse_legacy(section: &Section<'_>, symbol: &Symbol, size: u64) -> Result<MapSpec, MapProblem> {
    let outside = MapProblem::Outside {
        offset: symbol.value,
        size,
        section_size: section.size,
    };
    let start = usize::try_from(symbol.value)
        .ok()
        .zip(usize::try_from(size).ok());
    let bytes = start
        .and_then(|(start, size)| section.data.get(start..start.checked_add(size)?))
        .ok_or(outside)?;
    let Some((definition, rest)) = bytes.split_first_chunk::<LEGACY_SIZE>() else {
        return Err(MapProblem::LegacyShort { size });
    };
    if rest.iter().any(|&byte| byte != 0) {
        return Err(MapProblem::LegacyExtra { size });
    }
    let mut words = definition
        .as_chunks::<4>()
        .0
        .iter()
        .map(|word| u32::from_le_bytes(*word));
    let mut word = || words.next().unwrap_or(0);
    let (number, key_size, value_size, max_entries, flags) =
        (word(), word(), word(), word(), word());
    let map_type = match number {
        0 => return Err(MapProblem::NoType),
        _ => MapType::from_number(number).ok_or(MapProblem::UnknownType { number })?,
    };
    Ok(MapSpec {
        name: symbol.name.to_string(),
        map_type,
        key_size,
        value_size,
        max_entries,
        flags,
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

/// What a data section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Initialised and writable.
    Data,
    /// Initialised and read-only.
    ReadOnly,
    /// Zero and writable.
    Zero,
}

fn data_map(
    section: &Section<'_>,
    content: Content,
    object: &str,
    btf: Option<&Btf>,
    is_hidden: impl Fn(u64) -> bool,
) -> Result<MapSpec, ObjectError> {
    let problem = SectionProblem::TooLarge {
        size: section.size,
        limit: DATA_LIMIT,
    };
    let value_size = i32::try_from(section.size).map_err(|_| section.error(0, problem))?;
    let datasec = btf.and_then(|btf| btf.find(section.name, KindFilter::DATASEC));
    let fields = datasec.zip(btf);
    let fields = fields.and_then(|(id, btf)| Fields::of_value(btf, id).ok());
    let mappable = datasec
        .zip(btf)
        .is_some_and(|(id, btf)| has_visible_variable(btf, id, is_hidden));
    let (origin, read_only) = match content {
        Content::ReadOnly => (Origin::ReadOnlyData, RDONLY_PROG),
        Content::Data | Content::Zero => (Origin::Data, 0),
    };
    Ok(MapSpec {
        name: data_map_name(object, section.name),
        map_type: MapType::Array,
        key_size: 4,
        value_size: value_size.unsigned_abs(),
        max_entries: 1,
        flags: read_only | if mappable { MMAPABLE } else { 0 },
        extra: 0,
        key_type: None,
        value_type: datasec,
        fields: fields.unwrap_or_default(),
        inner: None,
        initial: match content {
            Content::Zero => Initial::Empty,
            Content::Data | Content::ReadOnly => Initial::Data(section.data.to_vec()),
        },
        origin,
        pinning: Pinning::None,
    })
}

/// By section and offset: the variables that are not seen outside the object.
fn hidden_variables(symbols: &[Symbol]) -> BTreeSet<(usize, u64)> {
    let place = |symbol: &Symbol| match (symbol.place, symbol.visibility) {
        (Place::Section(section), Visibility::Hidden) => Some((section, symbol.value)),
        _ => None,
    };
    symbols.iter().filter_map(place).collect()
}

/// Whether a section has a variable that is seen outside the object: neither static nor hidden.
fn has_visible_variable(btf: &Btf, datasec: BtfId, is_hidden: impl Fn(u64) -> bool) -> bool {
    let Type::Datasec { entries, .. } = btf.ty(datasec) else {
        return false;
    };
    let is_global =
        |var| matches!(btf.ty(var), Type::Var { linkage, .. } if linkage != VarLinkage::Static);
    entries
        .iter()
        .any(|entry| is_global(entry.var) && !is_hidden(u64::from(entry.offset)))
}

/// The name that libbpf gives the map of a data section. `.data`, `.rodata` and `.bss` come after
/// 8 bytes of the object's name; sections with a second dot keep their own name only, of which
/// `.bss.x` has the first 15 bytes.
fn data_map_name(object: &str, section: &str) -> String {
    let is_custom = section.get(1..).is_some_and(|rest| rest.contains('.'));
    if is_custom && !section.starts_with(".bss") {
        return section.to_owned();
    }
    let prefix = match is_custom {
        true => 0,
        false => NAME_LEN - section.len().clamp(7, NAME_LEN),
    };
    let bytes = object.bytes().take(prefix).chain(section.bytes());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    bytes
        .take(NAME_LEN)
        .map(|byte| if plain(byte) { char::from(byte) } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::data_map_name;

    #[test]
    fn data_map_name_of_short_section_keeps_eight_bytes_of_the_object() {
        assert_eq!(data_map_name("hello", ".rodata"), "hello.rodata");
        assert_eq!(
            data_map_name("my_object_name", ".rodata"),
            "my_objec.rodata"
        );
        assert_eq!(data_map_name("my_object_name", ".bss"), "my_objec.bss");
        assert_eq!(data_map_name("a-b c", ".data"), "a_b_c.data");
    }

    #[test]
    fn data_map_name_of_dotted_section_leaves_the_object_out() {
        assert_eq!(
            data_map_name("hello", ".rodata.abracadabra"),
            ".rodata.abracadabra"
        );
        assert_eq!(data_map_name("hello", ".data.x"), ".data.x");
        assert_eq!(
            data_map_name("hello", ".bss.abracadabra"),
            ".bss.abracadabr"
        );
    }
}
