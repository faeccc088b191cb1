//! Creation: against what a real kernel answered, and what only the simulator refuses.

use super::*;
use crate::abi::map_type::flag;
use crate::machine::MemoryConfig;

/// Type, key size, value size, max_entries, flags and the answer of Linux 6.18; the inner maps of
/// maps of maps are arrays of one 8-byte value.
/// Maps that the answering machine's memory decided about are left out, and so are tries whose
/// values Linux 6.12 finds 16 bytes too long, as its nodes are larger.
const KERNEL: &str = include_str!("create-6.18.csv");

/// Type, key size, value size, max_entries, flags and the answer of Linux 6.12.
const KERNEL_6_12: &str = include_str!("create-6.12.csv");

#[test]
fn check_answers_as_the_kernel_does() {
    let mut judged = 0;
    for line in KERNEL_6_12.lines().filter(|line| !line.starts_with('#')) {
        let numbers: Vec<u32> = line.split(',').map(|word| word.parse().unwrap()).collect();
        let &[map_type, key, value, entries, flags, errno] = numbers.as_slice() else {
            panic!("{line}");
        };
        let map_type = MapType::from_number(map_type).unwrap();
        let mut spec = spec(map_type, key, value, entries);
        spec.flags = flags;
        if matches!(map_type, MapType::ArrayOfMaps | MapType::HashOfMaps) {
            spec.inner = Some(Box::new(super::spec(MapType::Array, 4, 8, 1)));
        }
        if is_local_storage(map_type) {
            // The kernel was told a type for each.
            spec.key_type = Some(crate::btf::BtfId(1));
            spec.value_type = Some(crate::btf::BtfId(2));
        }
        let ours = match check::check(&spec) {
            Ok(()) => 0,
            Err(MapError::Refused { errno, .. }) => errno.number(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(ours, i32::try_from(errno).unwrap(), "{map_type} {line}");
        judged += 1;
    }
    assert!(judged > 4000, "{judged}");
}

fn is_local_storage(map_type: MapType) -> bool {
    use MapType::{CgrpStorage, InodeStorage, SkStorage, TaskStorage};
    [SkStorage, InodeStorage, TaskStorage, CgrpStorage].contains(&map_type)
}

fn answer(machine: &Machine, spec: &MapSpec) -> String {
    match Map::create(machine, spec) {
        Ok(_) => "ok".to_owned(),
        Err(MapError::Refused { errno, .. }) => errno.name().to_owned(),
        Err(other) => other.to_string(),
    }
}

#[test]
fn create_answers_as_the_kernel_did() {
    let machine = machine();
    for line in KERNEL.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<u32>().unwrap();
        let map_type = MapType::from_name(fields[0]).unwrap();
        let mut spec = spec(map_type, number(1), number(2), number(3));
        spec.flags = number(4);
        if matches!(map_type, MapType::ArrayOfMaps | MapType::HashOfMaps) {
            spec.inner = Some(Box::new(super::spec(MapType::Array, 4, 8, 1)));
        }
        // libbpf, not the kernel, sizes a perf event array without entries.
        if map_type == MapType::PerfEventArray && spec.max_entries == 0 {
            continue;
        }
        assert_eq!(answer(&machine, &spec), fields[5], "{line}");
    }
}

#[test]
fn create_has_a_body_for_every_type() {
    let machine = machine();
    for map_type in MapType::all() {
        // One of these shapes suits each type.
        let shapes = [
            (4, 8, 4, 0),
            (4, 4, 4, 0),
            (0, 8, 4, 0),
            (0, 0, 4096, 0),
            (16, 8, 0, 0),
        ];
        let lists = [(4, 8, 0, flag::NO_PREALLOC), (8, 8, 4, flag::NO_PREALLOC)];
        let tables = [(4, 8, 1, 0), (0, 0, 4, flag::MMAPABLE)];
        let mut shapes = shapes.iter().chain(&lists).chain(&tables);
        let made = shapes.any(|&(key, value, entries, flags)| {
            let mut spec = spec(map_type, key, value, entries);
            spec.flags = flags;
            spec.key_type = Some(crate::btf::BtfId(1));
            spec.value_type = Some(crate::btf::BtfId(2));
            spec.inner = Some(Box::new(super::spec(MapType::Array, 4, 8, 1)));
            Map::create(&machine, &spec).is_ok()
        });
        assert!(made, "{map_type}");
    }
}

#[test]
fn create_beyond_the_memory_is_refused_and_leaves_nothing() {
    let memory = MemoryConfig {
        budget: 3 << 20,
        quarantine: 0,
        ..MemoryConfig::default()
    };
    let machine = Machine::new(MachineConfig {
        memory,
        ..MachineConfig::default()
    })
    .unwrap();
    let before = machine.memory.used();
    for map_type in [MapType::PercpuArray, MapType::Stack] {
        let key_size = if map_type == MapType::Stack { 0 } else { 4 };
        let entries = if map_type == MapType::Stack {
            4000
        } else {
            2500
        };
        let spec = spec(map_type, key_size, 1000, entries);
        let refusal = Map::create(&machine, &spec).unwrap_err();
        assert!(matches!(refusal, MapError::OutOfMemory { .. }), "{refusal}");
    }
    assert_eq!(machine.memory.used(), before);
}

#[test]
fn create_of_maps_of_maps_checks_the_template() {
    let machine = machine();
    let outer = |inner: Option<MapSpec>| {
        let mut outer = spec(MapType::ArrayOfMaps, 4, 4, 2);
        outer.inner = inner.map(Box::new);
        answer(&machine, &outer)
    };
    assert_eq!(outer(None), "EINVAL");
    assert_eq!(outer(Some(spec(MapType::Hash, 4, 4, 2))), "ok");
    assert_eq!(outer(Some(spec(MapType::Hash, 4, 4, 0))), "EINVAL");
    assert_eq!(outer(Some(spec(MapType::ProgArray, 4, 4, 2))), "ENOTSUPP");
    assert_eq!(outer(Some(spec(MapType::HashOfMaps, 4, 4, 2))), "EINVAL");
}

#[test]
fn create_of_a_data_section_fills_and_freezes_it() {
    let machine = machine();
    let mut data = spec(MapType::Array, 4, 12, 1);
    data.initial = Initial::Data(b"hello".to_vec());
    let writable = Map::create(
        &machine,
        &MapSpec {
            origin: Origin::Data,
            ..data.clone()
        },
    )
    .unwrap();
    let read_only = Map::create(
        &machine,
        &MapSpec {
            origin: Origin::ReadOnlyData,
            ..data.clone()
        },
    )
    .unwrap();
    assert_eq!(
        read_only.lookup_user(&key(0)).unwrap(),
        b"hello\0\0\0\0\0\0\0"
    );
    assert_eq!(
        read_only.update_user(&key(0), &[0; 12], BPF_ANY),
        Err(Errno::EPERM)
    );
    assert_eq!(writable.update_user(&key(0), &[0; 12], BPF_ANY), Ok(()));
    let base = |map: &Map| map.array().and_then(ArrayMap::base).unwrap();
    assert!(machine.memory.store(base(&writable), Size::DW, 1).is_ok());
    assert!(machine.memory.store(base(&read_only), Size::DW, 1).is_err());
    data.initial = Initial::Data(vec![0; 13]);
    assert!(matches!(
        Map::create(&machine, &data),
        Err(MapError::Data { len: 13, .. })
    ));
}

#[test]
fn create_of_a_perf_array_without_entries_makes_one_for_each_cpu() {
    let map = map(&machine(), MapType::PerfEventArray, 4, 0);
    assert_eq!(map.spec.max_entries, 2);
}

#[test]
fn drop_of_a_map_frees_what_it_had() {
    let machine = machine();
    let before = machine.memory.used();
    let map = map(&machine, MapType::PercpuHash, 8, 100);
    map.update_user(&key(1), &[0; 16], BPF_ANY).unwrap();
    let handle = map.handle;
    drop(map);
    assert!(machine.memory.peek_uint(handle, Size::W).is_err());
    let used = machine.memory.used() - before;
    assert!(used <= MemoryConfig::default().quarantine, "{used}");
}
