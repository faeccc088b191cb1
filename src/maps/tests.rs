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
    MapEnv {
        memory: &machine.memory,
        cpu: CpuId(cpu),
    }
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
