//! What programs left in maps and variables, ready to print as text or JSON.
//!
//! It leaves out what says nothing: empty values of arrays and per-CPU maps, and constants.

use ebpf_sim::abi::MapType;
use ebpf_sim::btf::Value;
use ebpf_sim::machine::CpuId;
use ebpf_sim::object::Origin;
use ebpf_sim::sim::{Entry, MapView, Sim, Variable};

/// A map's contents.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) name: String,
    pub(super) map_type: MapType,
    pub(super) rows: Vec<Row>,
    /// How many entries were left out because they hold zeros.
    pub(super) zeros: usize,
}

/// A line of it.
#[derive(Debug)]
pub(super) struct Row {
    /// The key, or the variable's name.
    pub(super) key: Value,
    /// The value, or those of CPUs that have one other than zero.
    pub(super) value: Held,
}

/// What stands under a key.
#[derive(Debug)]
pub(super) enum Held {
    /// One value.
    One(Value),
    /// A value for each of some CPUs.
    Cpus(Vec<(CpuId, Value)>),
}

/// The contents of the maps of these names, or of all that programs can write.
pub(super) fn contents(sim: &Sim, names: &[String]) -> anyhow::Result<Vec<Contents>> {
    for name in names {
        sim.map(name)?;
    }
    let wanted = |map: &MapView<'_>| match names {
        [] => map.spec().origin != Origin::ReadOnlyData,
        names => names.contains(&map.spec().name),
    };
    let maps = sim.maps();
    let shown = maps
        .iter()
        .filter(|map| wanted(map) && !is_buffer(map.spec().map_type));
    let pages = match names {
        [] => Pages::Count,
        _ => Pages::Show,
    };
    Ok(shown.map(|map| content(sim, map, pages)).collect())
}

/// Whether a map holds what programs send, rather than entries.
pub(super) fn is_buffer(map_type: MapType) -> bool {
    matches!(map_type, MapType::Ringbuf | MapType::PerfEventArray)
}

/// What is printed of the pages of an arena.
#[derive(Clone, Copy)]
enum Pages {
    /// How many of their bytes are not zero.
    Count,
    /// Their bytes.
    Show,
}

fn content(sim: &Sim, map: &MapView<'_>, pages: Pages) -> Contents {
    let spec = map.spec();
    let mut contents = Contents {
        name: spec.name.clone(),
        map_type: spec.map_type,
        rows: Vec::new(),
        zeros: 0,
    };
    if let Some(arena) = map.arena() {
        let entries = map.entries();
        let present = arena.present().into_iter().flatten().count();
        contents.zeros = present.saturating_sub(entries.len());
        contents.rows = in_arena(map, entries, pages);
        return contents;
    }
    for entry in map.entries() {
        if spec.origin != Origin::Declared {
            contents.rows.extend(variables(&entry));
        } else if is_array(spec.map_type) && is_zero(&entry) {
            contents.zeros += 1;
        } else {
            contents.rows.push(row(sim, spec.map_type, entry));
        }
    }
    contents
}

/// The variables of an arena, and its pages.
fn in_arena(map: &MapView<'_>, entries: Vec<Entry>, pages: Pages) -> Vec<Row> {
    let variable = |variable: Variable| {
        let value = variable.value;
        Row {
            key: named(variable.name),
            value: Held::One(value.unwrap_or_else(|| untyped(&variable.bytes))),
        }
    };
    let page = |entry: Entry| {
        let number = entry
            .key
            .first_chunk()
            .copied()
            .map_or(0, u32::from_le_bytes);
        let bytes = entry.values.concat();
        let used = bytes.iter().rposition(|byte| *byte != 0);
        let used = bytes.get(..used.map_or(0, |last| last + 1));
        let value = match pages {
            Pages::Count => {
                let count = bytes.iter().filter(|byte| **byte != 0).count();
                named(format!("{count} bytes are not zero"))
            }
            Pages::Show => Value::Bytes(used.unwrap_or_default().to_vec()),
        };
        Row {
            key: named(format!("page {number}")),
            value: Held::One(value),
        }
    };
    let variables = map.variables().into_iter().map(variable);
    variables.chain(entries.into_iter().map(page)).collect()
}

/// A name in place of a value.
fn named(name: String) -> Value {
    Value::Enum {
        name: Some(name),
        value: 0,
    }
}

/// Whether every index has a value from the start.
fn is_array(map_type: MapType) -> bool {
    matches!(map_type, MapType::Array | MapType::PercpuArray)
}

fn is_zero(entry: &Entry) -> bool {
    entry.values.iter().flatten().all(|&byte| byte == 0)
}

/// The variables of a data section.
fn variables(entry: &Entry) -> Vec<Row> {
    match entry.typed_values.as_deref() {
        Some([Value::Struct(variables)]) => {
            let row = |(name, value): &(String, Value)| Row {
                key: Value::Enum {
                    name: Some(name.clone()),
                    value: 0,
                },
                value: Held::One(value.clone()),
            };
            variables.iter().map(row).collect()
        }
        _ => vec![Row {
            key: Value::Enum {
                name: Some("bytes".to_owned()),
                value: 0,
            },
            value: Held::One(Value::Bytes(entry.values.concat())),
        }],
    }
}

fn row(sim: &Sim, map_type: MapType, entry: Entry) -> Row {
    let key = entry.typed_key.unwrap_or_else(|| untyped(&entry.key));
    if let Some(name) = refers_to(sim, map_type, &entry.values) {
        return Row {
            key,
            value: Held::One(Value::Enum {
                name: Some(name),
                value: 0,
            }),
        };
    }
    let values = match entry.typed_values {
        Some(values) => values,
        None => entry.values.iter().map(|bytes| untyped(bytes)).collect(),
    };
    let value = match map_type.is_per_cpu() {
        false => Held::One(values.into_iter().next().unwrap_or(Value::Missing)),
        true => {
            let cpus = (0..).map(CpuId).zip(values).zip(&entry.values);
            let used = cpus.filter(|(_, bytes)| bytes.iter().any(|&byte| byte != 0));
            Held::Cpus(used.map(|(cpu_value, _)| cpu_value).collect())
        }
    };
    Row { key, value }
}

/// The name of the program or map whose id is the value.
fn refers_to(sim: &Sim, map_type: MapType, values: &[Vec<u8>]) -> Option<String> {
    let id = u32::from_le_bytes(values.first()?.as_slice().try_into().ok()?);
    match map_type {
        MapType::ProgArray => {
            let mut programs = sim.loads().iter().flat_map(|load| &load.programs);
            let program = programs.find(|program| program.id.is_some_and(|it| it.0 == id))?;
            Some(format!("program {}", program.name))
        }
        MapType::ArrayOfMaps | MapType::HashOfMaps => {
            let maps = sim.maps();
            let map = maps.iter().find(|map| map.id().0 == id)?;
            Some(format!("map {}", map.spec().name))
        }
        _ => None,
    }
}

/// Bytes without a type: a number if they are as many as a number has.
fn untyped(bytes: &[u8]) -> Value {
    match *bytes {
        [a] => Value::Int(a.into()),
        [a, b] => Value::Int(u16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => Value::Int(u32::from_le_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Value::Int(u64::from_le_bytes([a, b, c, d, e, f, g, h]).into()),
        _ => Value::Bytes(bytes.to_vec()),
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Held::One(value) => value.fmt(f),
            Held::Cpus(values) if values.is_empty() => f.write_str("0 on every CPU"),
            Held::Cpus(values) => {
                let cpu = |(cpu, value): &(CpuId, Value)| format!("{value} on CPU {cpu}");
                f.write_str(&values.iter().map(cpu).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
