//! Storage that hangs on objects of the kernel. Error numbers are those of Linux 6.18.

use super::*;
use crate::abi::map_type::flag;
use crate::btf::BtfId;
use crate::machine::{Holder, HolderKind, ROOT_CGROUP};

fn task(pid: u32) -> Holder {
    Holder {
        kind: HolderKind::Task,
        number: u64::from(pid),
    }
}

fn task_storage(machine: &Machine) -> Arc<Map> {
    let spec = MapSpec {
        flags: flag::NO_PREALLOC,
        key_type: Some(BtfId(1)),
        value_type: Some(BtfId(1)),
        fields: crate::object::Fields::default(),
        ..spec(MapType::TaskStorage, 4, 8, 0)
    };
    Map::create(machine, &spec).unwrap()
}

#[test]
fn local_storage_makes_a_value_only_when_asked_to() {
    let machine = machine();
    let map = task_storage(&machine);
    let storage = map.local().unwrap();
    let five = value(5);
    let get = |pid, missing| storage.get(&machine.memory, task(pid), missing);
    assert_eq!(get(7, WhenMissing::Leave), None);
    let made = get(7, WhenMissing::Zero).unwrap();
    assert_eq!(get(7, WhenMissing::Leave), Some(made));
    assert_eq!(get(7, WhenMissing::Fill(&five)), Some(made), "it is there");
    assert_eq!(machine.memory.load(made, Size::DW), Ok(0));
    let other = get(8, WhenMissing::Fill(&five)).unwrap();
    assert_eq!(machine.memory.load(other, Size::DW), Ok(5));
    assert_eq!(keys(&map), [7, 8]);
    let inode = Holder {
        kind: HolderKind::Inode,
        number: 7,
    };
    assert_eq!(storage.get(&machine.memory, inode, WhenMissing::Zero), None);
}

#[test]
fn local_storage_deleted_stays_until_the_run_ends() {
    let machine = machine();
    let map = task_storage(&machine);
    let storage = map.local().unwrap();
    let made = storage
        .get(&machine.memory, task(7), WhenMissing::Zero)
        .unwrap();
    assert_eq!(storage.forget(task(7)), Ok(()));
    assert_eq!(storage.forget(task(7)), Err(Errno::ENOENT));
    assert!(machine.memory.load(made, Size::DW).is_ok());
    map.ops().end_of_run(&machine.memory, &machine.grace);
    assert!(machine.memory.load(made, Size::DW).is_err());
}

#[test]
fn local_storage_goes_with_its_holder() {
    let machine = machine();
    let maps = MapTable::default();
    let map = task_storage(&machine);
    maps.insert(map.clone());
    map.update_user(&key(7), &value(1), BPF_ANY).unwrap();
    map.update_user(&key(8), &value(2), BPF_ANY).unwrap();
    maps.holder_gone(task(7));
    assert_eq!(keys(&map), [8]);
}

#[test]
fn local_storage_answers_the_system_call_as_the_kernel_does() {
    let machine = machine();
    let map = task_storage(&machine);
    let update = |flags| map.update_user(&key(7), &value(1), flags);
    assert_eq!(map.lookup_user(&key(7)), None);
    assert_eq!(update(BPF_EXIST), Err(Errno::ENOENT));
    assert_eq!(update(BPF_ANY), Ok(()));
    assert_eq!(update(BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(3), Err(Errno::EINVAL));
    assert_eq!(update(4), Err(Errno::EINVAL));
    assert_eq!(map.lookup_user(&key(7)), Some(value(1)));
    assert_eq!(map.delete_user(&key(7)), Ok(()));
    assert_eq!(map.delete_user(&key(7)), Err(Errno::ENOENT));
}

fn cgroup_key(cgroup: u64, hook: u32) -> Vec<u8> {
    let mut key = cgroup.to_le_bytes().to_vec();
    key.extend(hook.to_le_bytes());
    key.resize(16, 0);
    key
}

#[test]
fn cgroup_storage_is_made_where_a_program_is_attached_and_by_nobody_else() {
    let machine = machine();
    let map = Map::create(&machine, &spec(MapType::CgroupStorage, 16, 8, 0)).unwrap();
    let own = cgroup_key(ROOT_CGROUP, 1);
    let update = |flags| map.update_user(&own, &value(9), flags);
    assert_eq!(update(BPF_ANY), Err(Errno::ENOENT));
    let place = |hook| CgroupPlace {
        cgroup: ROOT_CGROUP,
        hook,
    };
    let storage = map.cgroup().unwrap();
    let made = storage.get(&env(&machine, 0), place(1)).unwrap();
    assert_ne!(storage.get(&env(&machine, 0), place(0)), Some(made));
    assert_eq!(update(BPF_EXIST), Ok(()));
    assert_eq!(update(BPF_NOEXIST), Err(Errno::EINVAL));
    assert_eq!(update(4), Err(Errno::EINVAL));
    assert_eq!(machine.memory.load(made, Size::DW), Ok(9));
    assert_eq!(map.delete_user(&own), Err(Errno::EINVAL));
    let entries = map.entries();
    assert_eq!(entries[0], (cgroup_key(ROOT_CGROUP, 0), value(0)));
    assert_eq!(entries[1], (own, value(9)));
}

#[test]
fn cgroup_storage_with_a_short_key_is_shared_by_all_hooks() {
    let machine = machine();
    let map = Map::create(&machine, &spec(MapType::PercpuCgroupStorage, 8, 4, 0)).unwrap();
    let storage = map.cgroup().unwrap();
    let get = |cpu, hook| {
        let cgroup = 5;
        storage.get(&env(&machine, cpu), CgroupPlace { cgroup, hook })
    };
    let first = get(0, 0).unwrap();
    assert_eq!(get(0, 1), Some(first));
    let second = get(1, 0).unwrap();
    assert_ne!(first, second, "each CPU has its own");
    machine.memory.store(second, Size::W, 3).unwrap();
    assert_eq!(
        map.entries(),
        [(
            value(5),
            vec![0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
        )]
    );
}
