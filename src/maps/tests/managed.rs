//! Special fields of values: hidden, left alone, released.

use super::super::managed::layout_of;
use super::*;
use crate::btf::BtfId;
use crate::isa::Size;
use crate::machine::{Copies, ObjectTable};
use crate::object::{Field, FieldKind, Fields, Kptr, KptrHold, Root};

/// A lock at 0, a number at 8, a pointer at 16, a list at 24.
fn fields() -> Fields {
    let pointee = BtfId::VOID;
    let hold = KptrHold::Reference;
    let root = Root {
        value: pointee,
        node_offset: 0,
    };
    let kinds = [
        (0, FieldKind::SpinLock),
        (16, FieldKind::Kptr(Kptr { hold, pointee })),
        (24, FieldKind::ListHead(root)),
    ];
    let fields = kinds.map(|(offset, kind)| Field { offset, kind });
    fields.into_iter().collect()
}

const SIZE: u32 = 40;

fn managed(machine: &Machine, map_type: MapType) -> Arc<Map> {
    let spec = MapSpec {
        fields: fields(),
        ..spec(map_type, 4, SIZE, 4)
    };
    Map::create(machine, &spec).unwrap()
}

/// A value that is 0xff but for the number.
fn full(number: u64) -> Vec<u8> {
    let mut bytes = vec![0xff; SIZE as usize];
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// What readers see of it.
fn seen(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; SIZE as usize];
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[4..8].fill(0xff);
    bytes
}

/// Puts an object into the pointer and another into the list of a value.
fn furnish(objects: &ObjectTable, machine: &Machine, value: Addr) {
    let node = Field {
        offset: 0,
        kind: FieldKind::ListNode,
    };
    let layout = Arc::new(layout_of("item", 24, &Fields::from_iter([node])));
    let new = || objects.allocate(layout.clone(), Copies::One).unwrap();
    let field = value.offset(16);
    machine.memory.store(field, Size::DW, new().0).unwrap();
    let pushed = objects.push(value.offset(24), new(), crate::machine::End::Back);
    assert_eq!(pushed, Ok(()));
}

#[test]
fn fields_are_hidden_from_readers_and_left_alone_by_writers() {
    for map_type in [MapType::Array, MapType::Hash] {
        let machine = machine();
        let map = managed(&machine, map_type);
        map.update_user(&key(1), &full(7), BPF_ANY).unwrap();
        assert_eq!(map.lookup_user(&key(1)), Some(seen(7)));
        let place = map.ops().lookup(&env(&machine, 0), &key(1)).unwrap();
        assert_eq!(machine.memory.load(place.offset(16), Size::DW), Ok(0));
        furnish(&machine.objects, &machine, place);
        assert_eq!(map.lookup_user(&key(1)), Some(seen(7)));
    }
}

#[test]
fn what_fields_hold_goes_when_the_value_is_replaced() {
    for map_type in [MapType::Array, MapType::Hash] {
        let machine = machine();
        let map = managed(&machine, map_type);
        let env = env(&machine, 0);
        map.ops().update(&env, &key(1), &full(7), BPF_ANY).unwrap();
        let place = map.ops().lookup(&env, &key(1)).unwrap();
        furnish(&machine.objects, &machine, place);
        assert_eq!(machine.objects.held(), 2);
        map.ops().update(&env, &key(1), &full(8), BPF_ANY).unwrap();
        assert_eq!(machine.objects.held(), 0, "{map_type}");
    }
}

#[test]
fn what_fields_hold_goes_when_the_key_is_deleted() {
    let machine = machine();
    let map = managed(&machine, MapType::Hash);
    map.update_user(&key(1), &full(7), BPF_ANY).unwrap();
    let place = map.ops().lookup(&env(&machine, 0), &key(1)).unwrap();
    furnish(&machine.objects, &machine, place);
    map.delete_user(&key(1)).unwrap();
    assert_eq!(machine.objects.held(), 0);
}

#[test]
fn what_fields_hold_goes_with_the_map() {
    for map_type in [MapType::Array, MapType::Hash] {
        let machine = machine();
        let map = managed(&machine, map_type);
        map.update_user(&key(1), &full(7), BPF_ANY).unwrap();
        let place = map.ops().lookup(&env(&machine, 0), &key(1)).unwrap();
        furnish(&machine.objects, &machine, place);
        assert_eq!(machine.objects.held(), 2);
        drop(map);
        assert_eq!(machine.objects.held(), 0, "{map_type}");
    }
}

#[test]
fn what_storage_of_a_task_holds_goes_with_the_task() {
    let machine = machine();
    let spec = MapSpec {
        fields: fields().iter().take(2).cloned().collect(),
        flags: crate::abi::map_type::flag::NO_PREALLOC,
        key_type: Some(BtfId(1)),
        value_type: Some(BtfId(1)),
        ..spec(MapType::TaskStorage, 4, SIZE, 0)
    };
    let map = Map::create(&machine, &spec).unwrap();
    let storage = map.local().unwrap();
    let kind = storage.kind();
    let holder = crate::machine::Holder { kind, number: 1 };
    let place = storage.get(&machine.memory, holder, WhenMissing::Zero);
    let field = place.unwrap().offset(16);
    let layout = Arc::new(layout_of("item", 24, &Fields::default()));
    let object = machine.objects.allocate(layout, Copies::One).unwrap();
    machine.memory.store(field, Size::DW, object.0).unwrap();
    storage.forget(holder).unwrap();
    assert_eq!(machine.objects.held(), 0);
}

#[test]
fn locked_update_writes_in_place_and_waits_for_the_lock() {
    for map_type in [MapType::Array, MapType::Hash] {
        let machine = machine();
        let map = managed(&machine, map_type);
        let env = env(&machine, 0);
        map.ops().update(&env, &key(1), &full(7), BPF_ANY).unwrap();
        let place = map.ops().lookup(&env, &key(1)).unwrap();
        let update = || map.ops().update(&env, &key(1), &full(8), BPF_F_LOCK);
        machine.memory.store(place, Size::W, 1).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(update);
            std::thread::sleep(std::time::Duration::from_millis(20));
            let number = machine.memory.load(place.offset(8), Size::DW);
            assert_eq!(number, Ok(7), "the lock is held");
            machine.memory.store(place, Size::W, 0).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(()));
        });
        assert_eq!(map.ops().lookup(&env, &key(1)), Some(place));
        assert_eq!(machine.memory.load(place.offset(8), Size::DW), Ok(8));
        assert_eq!(machine.memory.load(place, Size::W), Ok(0));
    }
}

#[test]
fn lock_flag_without_a_lock_is_invalid() {
    let machine = machine();
    for map_type in [MapType::Array, MapType::Hash] {
        let map = map(&machine, map_type, 8, 4);
        let updated = map.update_user(&key(1), &value(1), BPF_F_LOCK);
        assert_eq!(updated, Err(Errno::EINVAL));
    }
}

#[test]
fn locked_read_waits_for_the_lock_and_hides_fields() {
    for map_type in [MapType::Array, MapType::Hash] {
        let machine = machine();
        let map = managed(&machine, map_type);
        let env = env(&machine, 0);
        map.update_user(&key(1), &full(7), BPF_F_LOCK).unwrap();
        let place = map.ops().lookup(&env, &key(1)).unwrap();
        machine.memory.store(place, Size::W, 1).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| map.read_user_with(&key(1), BPF_F_LOCK));
            std::thread::sleep(std::time::Duration::from_millis(20));
            machine
                .memory
                .store(place.offset(8), Size::DW, 8)
                .expect("the value is there");
            machine.memory.store(place, Size::W, 0).unwrap();
            assert_eq!(waiting.join().unwrap(), Ok(seen(8)));
        });
        assert_eq!(machine.memory.load(place, Size::W), Ok(0));
        assert_eq!(map.read_user_with(&key(1), BPF_NOEXIST), Err(Errno::EINVAL));
    }
}

#[test]
fn locked_value_is_taken_out_of_a_hash_only() {
    let machine = machine();
    let map = managed(&machine, MapType::Hash);
    map.update_user(&key(1), &full(7), BPF_ANY).unwrap();
    assert_eq!(map.take_user(&key(1), BPF_F_LOCK), Ok(seen(7)));
    assert_eq!(map.take_user(&key(1), BPF_F_LOCK), Err(Errno::ENOENT));
    let map = managed(&machine, MapType::Array);
    assert_eq!(map.take_user(&key(1), BPF_F_LOCK), Err(Errno::ENOTSUPP));
}

#[test]
fn read_with_the_lock_flag_without_a_lock_is_invalid() {
    let machine = machine();
    let map = map(&machine, MapType::Array, 8, 4);
    let read = map.read_user_with(&key(1), BPF_F_LOCK);
    assert_eq!(read, Err(Errno::EINVAL));
    assert_eq!(map.read_user_with(&key(1), 0), Ok(vec![0; 8]));
}

#[test]
fn cgroup_storage_keeps_its_lock_and_hides_it() {
    let machine = machine();
    let lock = Field {
        offset: 0,
        kind: FieldKind::SpinLock,
    };
    let spec = MapSpec {
        fields: Fields::from_iter([lock]),
        ..spec(MapType::CgroupStorage, 8, SIZE, 0)
    };
    let map = Map::create(&machine, &spec).unwrap();
    let (cgroup, hook) = (1_u64, 0);
    let place = CgroupPlace { cgroup, hook };
    let storage = map.cgroup().unwrap();
    let value = storage.get(&env(&machine, 0), place).unwrap();
    let key = cgroup.to_le_bytes();
    map.update_user(&key, &[0xff; SIZE as usize], BPF_F_LOCK)
        .unwrap();
    assert_eq!(machine.memory.load(value, Size::W), Ok(0));
    let mut seen = vec![0xff; SIZE as usize];
    seen[..4].fill(0);
    for flags in [0, BPF_F_LOCK] {
        assert_eq!(map.read_user_with(&key, flags).as_ref(), Ok(&seen));
    }
}
