mod create;
mod families;
mod hash;
mod kernel;
mod lpm;
mod managed;
mod sets;
mod storage;
mod user;

use super::*;
use crate::machine::{CpuId, Cpus, MachineConfig};
use crate::object::Pinning;

fn machine() -> Machine {
    Machine::new(MachineConfig {
        cpus: Cpus::new(2),
        ..MachineConfig::default()
    })
    .unwrap()
}

fn spec(map_type: MapType, key_size: u32, value_size: u32, max_entries: u32) -> MapSpec {
    MapSpec {
        name: "counts".to_owned(),
        map_type,
        key_size,
        value_size,
        max_entries,
        flags: 0,
        extra: 0,
        key_type: None,
        value_type: None,
        fields: crate::object::Fields::default(),
        inner: None,
        initial: Initial::Empty,
        origin: Origin::Declared,
        pinning: Pinning::None,
    }
}

fn map(machine: &Machine, map_type: MapType, value_size: u32, max_entries: u32) -> Arc<Map> {
    Map::create(machine, &spec(map_type, 4, value_size, max_entries)).unwrap()
}

fn env(machine: &Machine, cpu: u32) -> MapEnv<'_> {
    MapEnv::of_run(&machine.memory, CpuId(cpu))
}

fn key(n: u32) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

fn value(n: u64) -> Vec<u8> {
    n.to_le_bytes().to_vec()
}

/// The keys of a map as numbers, in order.
fn keys(map: &Map) -> Vec<u32> {
    map.entries()
        .iter()
        .map(|(key, _)| u32::from_le_bytes(key[..4].try_into().unwrap()))
        .collect()
}

#[test]
fn fields_that_programs_read_of_a_map_lie_where_the_kernel_has_them() {
    use crate::btf::{KindFilter, Type, kernel_6_12};
    let machine = machine();
    let map = Map::create(
        &machine,
        &MapSpec {
            flags: 1,
            ..spec(MapType::Hash, 5, 9, 70)
        },
    )
    .unwrap();
    let kernel = kernel_6_12();
    let layout = kernel.find("bpf_map", KindFilter::STRUCT).unwrap();
    let Type::Struct(layout) = kernel.ty(layout) else {
        panic!("it is a structure")
    };
    let field = |name: &str| {
        let mut members = layout.members.iter();
        let member = members.find(|member| member.name == name).unwrap();
        let at = map.handle.offset(i64::from(member.bit_offset / 8));
        machine.memory.load(at, Size::W).unwrap()
    };
    let names = [
        "map_type",
        "key_size",
        "value_size",
        "max_entries",
        "map_flags",
    ];
    assert_eq!(names.map(field), [1, 5, 9, 70, 1]);
    assert_eq!(field("map_extra"), 0);
    assert!(machine.memory.load(map.handle, Size::W).is_err());
}
