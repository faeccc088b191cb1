//! Maps of what the kernel has: devices, CPUs, sockets, cgroups. Error numbers are those of
//! Linux 6.18.

use super::*;

fn of(machine: &Machine, map_type: MapType, value_size: u32) -> Arc<Map> {
    Map::create(machine, &spec(map_type, 4, value_size, 4)).unwrap()
}

/// A device and its program, if it shall have one.
fn device(ifindex: u32, program: i32) -> Vec<u8> {
    [ifindex.to_le_bytes(), program.to_le_bytes()].concat()
}

#[test]
fn devmap_answers_the_system_call_as_the_kernel_does() {
    let machine = machine();
    let map = of(&machine, MapType::Devmap, 8);
    let update = |index, value: &[u8], flags| map.update_user(&key(index), value, flags);
    assert_eq!(update(0, &device(1, 0), BPF_ANY), Ok(()));
    assert_eq!(map.lookup_user(&key(0)), Some(device(1, 0)));
    assert_eq!(
        update(1, &device(0, 0), BPF_ANY),
        Ok(()),
        "none is taken away"
    );
    assert_eq!(update(9, &device(1, 0), BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(update(2, &device(1, 0), BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(3, &device(1, -1), BPF_EXIST), Ok(()));
    assert_eq!(update(0, &device(1, 0), 4), Err(Errno::EINVAL));
    assert_eq!(update(0, &device(1, 999), BPF_ANY), Err(Errno::EINVAL));
    assert_eq!(update(0, &device(99, 0), BPF_ANY), Err(Errno::EINVAL));
    assert_eq!(update(9, &device(99, 0), BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(update(0, &device(99, 0), BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(map.delete_user(&key(0)), Ok(()));
    assert_eq!(map.delete_user(&key(0)), Ok(()));
    assert_eq!(map.delete_user(&key(4)), Err(Errno::EINVAL));
    assert_eq!(keys(&map), [3]);
}

#[test]
fn devmap_by_key_answers_the_system_call_as_the_kernel_does() {
    let machine = machine();
    let map = of(&machine, MapType::DevmapHash, 4);
    let update = |index, ifindex, flags| map.update_user(&key(index), &key(ifindex), flags);
    assert_eq!(update(0, 1, BPF_ANY), Ok(()));
    assert_eq!(update(1, 0, BPF_ANY), Err(Errno::EINVAL));
    assert_eq!(update(9, 1, BPF_ANY), Ok(()));
    assert_eq!(update(0, 1, BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(2, 1, BPF_NOEXIST), Ok(()));
    assert_eq!(update(3, 1, BPF_EXIST), Ok(()));
    assert_eq!(update(4, 1, BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(update(4, 99, BPF_ANY), Err(Errno::EINVAL));
    assert_eq!(update(0, 99, BPF_ANY), Err(Errno::EINVAL));
    assert_eq!(update(0, 99, BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(0, 1, 4), Err(Errno::EINVAL));
    assert_eq!(keys(&map), [0, 2, 3, 9]);
    assert_eq!(map.delete_user(&key(0)), Ok(()));
    assert_eq!(map.delete_user(&key(0)), Err(Errno::ENOENT));
}

#[test]
fn cpumap_answers_the_system_call_as_the_kernel_does() {
    let machine = machine();
    let map = of(&machine, MapType::Cpumap, 4);
    let update = |cpu, queue, flags| map.update_user(&key(cpu), &key(queue), flags);
    assert_eq!(update(0, 192, BPF_ANY), Ok(()));
    assert_eq!(map.lookup_user(&key(0)), Some(key(192)));
    assert_eq!(update(0, 0, BPF_ANY), Ok(()));
    assert_eq!(map.lookup_user(&key(0)), None);
    assert_eq!(update(3, 192, BPF_ANY), Err(Errno::ENODEV));
    assert_eq!(update(9, 192, BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(update(0, 192, BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(1, 192, BPF_EXIST), Ok(()));
    assert_eq!(update(0, 192, 4), Err(Errno::EINVAL));
    assert_eq!(update(0, 16_385, BPF_ANY), Err(Errno::EOVERFLOW));
    assert_eq!(update(0, 16_384, BPF_ANY), Ok(()));
    assert_eq!(map.delete_user(&key(4)), Err(Errno::EINVAL));
    assert_eq!(
        map.redirect().unwrap().target(&machine.memory, 1),
        Some(192)
    );
}

#[test]
fn redirect_element_stays_until_the_run_ends() {
    let machine = machine();
    let map = of(&machine, MapType::Devmap, 4);
    map.update_user(&key(0), &key(1), BPF_ANY).unwrap();
    let seen = map.ops().lookup(&env(&machine, 0), &key(0)).unwrap();
    map.update_user(&key(0), &key(2), BPF_ANY).unwrap();
    assert_eq!(machine.memory.load(seen, Size::W), Ok(1));
    assert!(
        machine.memory.store(seen, Size::W, 1).is_err(),
        "programs only read"
    );
    map.ops().end_of_run(&machine.memory, &machine.grace);
    assert!(machine.memory.load(seen, Size::W).is_err());
    assert_eq!(map.redirect().unwrap().targets(&machine.memory), [2]);
}

#[test]
fn xskmap_shows_programs_the_queue_of_a_socket() {
    let machine = machine();
    let map = of(&machine, MapType::Xskmap, 4);
    assert_eq!(
        map.update_user(&key(9), &key(77), BPF_ANY),
        Err(Errno::E2BIG)
    );
    assert_eq!(map.update_user(&key(2), &key(77), 4), Err(Errno::EINVAL));
    map.update_user(&key(2), &key(77), BPF_ANY).unwrap();
    let seen = map.ops().lookup(&env(&machine, 0), &key(2)).unwrap();
    assert_eq!(machine.memory.load(seen, Size::W), Ok(2));
    assert_eq!(map.delete_user(&key(2)), Ok(()));
    assert_eq!(map.delete_user(&key(4)), Err(Errno::EINVAL));
}

#[test]
fn maps_of_sockets_stay_empty_with_the_kernels_errors() {
    let machine = machine();
    let socket = |map: &Map, index, flags| map.update_user(&key(index), &value(3), flags);
    let sockmap = of(&machine, MapType::Sockmap, 8);
    assert_eq!(socket(&sockmap, 0, BPF_ANY), Err(Errno::ENOTSOCK));
    assert_eq!(socket(&sockmap, 0, 4), Err(Errno::EINVAL));
    assert_eq!(sockmap.delete_user(&key(0)), Err(Errno::EINVAL));
    let sockhash = of(&machine, MapType::Sockhash, 8);
    assert_eq!(socket(&sockhash, 0, BPF_ANY), Err(Errno::ENOTSOCK));
    assert_eq!(sockhash.delete_user(&key(0)), Err(Errno::ENOENT));
    let reuseport = of(&machine, MapType::ReuseportSockarray, 8);
    assert_eq!(socket(&reuseport, 0, BPF_ANY), Err(Errno::ENOTSOCK));
    assert_eq!(socket(&reuseport, 9, BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(reuseport.delete_user(&key(0)), Err(Errno::ENOENT));
    assert_eq!(reuseport.delete_user(&key(4)), Err(Errno::E2BIG));
    for map in [sockmap, sockhash, reuseport] {
        assert_eq!(map.entries(), []);
    }
}

#[test]
fn cgroup_array_knows_who_is_below() {
    let machine = machine();
    let map = of(&machine, MapType::CgroupArray, 4);
    let cgroups = map.cgroups().unwrap();
    assert_eq!(cgroups.is_under(0, 7), Err(Errno::EAGAIN));
    assert_eq!(cgroups.is_under(4, 7), Err(Errno::E2BIG));
    map.update_user(&key(0), &key(7), BPF_ANY).unwrap();
    assert_eq!(
        (cgroups.is_under(0, 7), cgroups.is_under(0, 8)),
        (Ok(true), Ok(false))
    );
    map.update_user(&key(0), &key(1), BPF_ANY).unwrap();
    assert_eq!(cgroups.is_under(0, 8), Ok(true), "all are under the root");
    assert_eq!(map.delete_user(&key(0)), Ok(()));
    assert_eq!(map.delete_user(&key(0)), Err(Errno::ENOENT));
    assert_eq!(map.delete_user(&key(4)), Err(Errno::E2BIG));
}
