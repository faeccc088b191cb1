//! `bpf_sys_bpf`: what Linux 6.18 answered to a program (`kernel/bpf/syscall.c`).

use super::bench::Bench;
use crate::abi::MapType;
use crate::machine::Errno;

const SYS_BPF: i32 = 166;
const CREATE: u64 = 0;
const UPDATE: u64 = 2;
const DELETE: u64 = 3;
const GET_FD_BY_ID: u64 = 14;
const FREEZE: u64 = 22;

const EINVAL: i64 = -22;
const NUMA_NODE: u32 = 4;

/// A number at an offset of the attributes.
type Field = (usize, u32);

fn bpf(bench: &mut Bench, command: u64, attributes: &[u8]) -> i64 {
    let at = bench.data(attributes);
    bench.call(SYS_BPF, [command, at, attributes.len() as u64])
}

/// Makes a map of the usual sizes, but for some fields.
fn create(bench: &mut Bench, map_type: MapType, fields: &[Field]) -> i64 {
    let mut attributes = [0; 84];
    let key = match map_type {
        MapType::Queue | MapType::BloomFilter => 0,
        _ => 4,
    };
    let usual = [(0, map_type.number()), (4, key), (8, 4), (12, 2)];
    for (at, value) in usual.iter().chain(fields) {
        attributes[*at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bpf(bench, CREATE, &attributes)
}

/// Does something with an element, or with a map alone where there is no key.
fn element(bench: &mut Bench, command: u64, fd: i64, key: u64, value: u64, flags: u64) -> i64 {
    let numbers = [fd as u64, key, value, flags];
    let attributes: Vec<u8> = numbers.iter().flat_map(|one| one.to_le_bytes()).collect();
    bpf(bench, command, &attributes)
}

fn named(bench: &mut Bench, name: &[u8; 16]) -> i64 {
    let words = name.chunks(4).enumerate();
    let fields = words.map(|(index, word)| {
        let word = word.try_into().expect("four bytes");
        (28 + 4 * index, u32::from_le_bytes(word))
    });
    create(bench, MapType::Array, &fields.collect::<Vec<_>>())
}

#[test]
fn create_refuses_names_with_other_bytes_or_without_an_end() {
    let mut bench = Bench::new();
    for name in [
        b"a-b\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"a b\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"a\xe9\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"xxxxxxxxxxxxxxxx",
    ] {
        assert_eq!(named(&mut bench, name), EINVAL, "{name:?}");
    }
    for name in [
        b"a.b_1\0\0\0\0\0\0\0\0\0\0\0",
        b"xxxxxxxxxxxxxxx\0",
        b"a\0-\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        assert!(named(&mut bench, name) > 0, "{name:?}");
    }
}

#[test]
fn create_answers_as_the_kernel_does() {
    let rows: &[(MapType, &[Field], i64)] = &[
        (MapType::Array, &[(48, 99)], 0),
        (MapType::Array, &[(52, 1)], EINVAL),
        (MapType::Array, &[(56, 1)], EINVAL),
        (MapType::Array, &[(60, 1)], EINVAL),
        (MapType::Array, &[(48, 99), (52, 1), (56, 1)], -9),
        (MapType::Array, &[(24, 5)], 0),
        (MapType::Array, &[(16, NUMA_NODE), (24, 5)], EINVAL),
        (MapType::Array, &[(16, NUMA_NODE)], 0),
        (MapType::Array, &[(16, NUMA_NODE), (24, u32::MAX)], 0),
        (MapType::Array, &[(44, 1)], -95),
        (MapType::Hash, &[(44, 99)], EINVAL),
        (MapType::ProgArray, &[(44, 1)], EINVAL),
        (MapType::Array, &[(20, 99)], 0),
        (MapType::ArrayOfMaps, &[(20, 99)], -9),
        (MapType::ArrayOfMaps, &[(20, 0)], EINVAL),
        (MapType::ArrayOfMaps, &[(4, 0), (20, 99)], EINVAL),
        (MapType::PerfEventArray, &[(12, 0)], EINVAL),
        (MapType::StructOps, &[(12, 1)], EINVAL),
        (MapType::Sockhash, &[(12, u32::MAX)], EINVAL),
        (MapType::Array, &[(80, 1)], EINVAL),
    ];
    for (map_type, fields, expected) in rows {
        let mut bench = Bench::new();
        let answer = create(&mut bench, *map_type, fields).min(0);
        assert_eq!(answer, *expected, "{map_type} {fields:?}");
    }
}

#[test]
fn update_of_a_map_for_each_cpu_takes_all_their_values() {
    let mut bench = Bench::new();
    let cpus = bench.machine.cpus.count() as usize;
    let values: Vec<u8> = (0..cpus as u64).flat_map(u64::to_le_bytes).collect();
    for map_type in [MapType::PercpuArray, MapType::PercpuHash] {
        let fd = create(&mut bench, map_type, &[]);
        let (key, value) = (bench.data(&[1, 0, 0, 0]), bench.data(&values));
        assert_eq!(element(&mut bench, UPDATE, fd, key, value, 0), 0);
        let map = bench.maps.iter().last().expect("it was made");
        assert_eq!(map.lookup_user(&[1, 0, 0, 0]), Some(values.clone()));
    }
}

#[test]
fn bytes_behind_the_last_field_are_refused() {
    let mut bench = Bench::new();
    let fd = create(&mut bench, MapType::Hash, &[]);
    let (key, value) = (bench.data(&[1, 0, 0, 0]), bench.data(&[5, 0, 0, 0]));
    assert_eq!(element(&mut bench, UPDATE, fd, key, value, 0), 0);
    assert_eq!(element(&mut bench, DELETE, fd, key, 0, 1), EINVAL);
    assert_eq!(element(&mut bench, DELETE, fd, key, value, 0), EINVAL);
    assert_eq!(element(&mut bench, DELETE, fd, key, 0, 0), 0);
    assert_eq!(element(&mut bench, FREEZE, fd, key, 0, 0), EINVAL);
    assert_eq!(element(&mut bench, FREEZE, fd, 0, 0, 0), 0);
    assert_eq!(element(&mut bench, FREEZE, fd, 0, 0, 0), -1);
    assert_eq!(element(&mut bench, GET_FD_BY_ID, 99999, 0, 0, 0), -2);
    assert_eq!(element(&mut bench, GET_FD_BY_ID, 99999, 1, 0, 0), EINVAL);
    assert_eq!(element(&mut bench, GET_FD_BY_ID, 99999, 0, 1, 0), EINVAL);
}

#[test]
fn map_without_keys_takes_no_key() {
    let mut bench = Bench::new();
    for map_type in [MapType::Queue, MapType::BloomFilter] {
        let fd = create(&mut bench, map_type, &[]);
        let value = bench.data(&[5, 0, 0, 0]);
        assert_eq!(element(&mut bench, UPDATE, fd, value, value, 0), EINVAL);
        assert_eq!(element(&mut bench, UPDATE, fd, 0, value, 0), 0);
    }
}

#[test]
fn map_of_maps_takes_descriptors() {
    let mut bench = Bench::new();
    let inner = create(&mut bench, MapType::Array, &[]);
    let outer = create(&mut bench, MapType::ArrayOfMaps, &[(20, inner as u32)]);
    let (key, value) = (
        bench.data(&[0; 4]),
        bench.data(&(inner as u32).to_le_bytes()),
    );
    assert_eq!(element(&mut bench, UPDATE, outer, key, value, 0), 0);
    let none = bench.data(&[99, 0, 0, 0]);
    assert_eq!(element(&mut bench, UPDATE, outer, key, none, 0), -9);
    let bad = i64::from(Errno::EBADF.number());
    assert_eq!(element(&mut bench, UPDATE, 99, key, value, 0), -bad);
    assert_eq!(element(&mut bench, UPDATE, 0, key, value, 0), EINVAL);
}

#[test]
fn map_of_devices_takes_those_that_are_there() {
    for map_type in [MapType::Devmap, MapType::DevmapHash] {
        let mut bench = Bench::new();
        let fd = create(&mut bench, map_type, &[]);
        let (key, own) = (bench.data(&[1, 0, 0, 0]), bench.data(&[1, 0, 0, 0]));
        let other = bench.data(&[99, 0, 0, 0]);
        assert_eq!(element(&mut bench, UPDATE, fd, key, other, 0), EINVAL);
        assert_eq!(element(&mut bench, UPDATE, fd, key, own, 0), 0);
        assert_eq!(element(&mut bench, UPDATE, fd, key, other, 1), -17);
    }
}
