//! Every family but the hashes: what programs and the system call get.

use super::*;
use crate::machine::ProgId;

#[test]
fn array_elements_exist_and_cannot_be_deleted() {
    let machine = machine();
    let map = map(&machine, MapType::Array, 12, 3);
    let env = env(&machine, 0);
    let addr = map.ops().lookup(&env, &key(2)).unwrap();
    assert_eq!(map.ops().lookup(&env, &key(3)), None);
    assert_eq!(map.ops().update(&env, &key(2), &[7; 12], BPF_EXIST), Ok(()));
    assert_eq!(machine.memory.read_vec(addr, 12).unwrap(), [7; 12]);
    assert!(machine.memory.read_vec(addr, 13).is_err());
    assert_eq!(
        map.ops().update(&env, &key(3), &[7; 12], BPF_ANY),
        Err(Errno::E2BIG)
    );
    assert_eq!(
        map.ops().update(&env, &key(0), &[7; 12], BPF_NOEXIST),
        Err(Errno::EEXIST)
    );
    assert_eq!(
        map.ops().update(&env, &key(0), &[7; 12], 4),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        map.ops().update(&env, &key(0), &[7; 11], BPF_ANY),
        Err(Errno::EINVAL)
    );
    assert_eq!(map.delete_user(&key(0)), Err(Errno::EINVAL));
    assert_eq!(keys(&map), [0, 1, 2]);
    assert_eq!(map.lookup_user(&[0; 3]), None);
}

#[test]
fn array_next_key_of_an_unknown_key_is_the_first() {
    let machine = machine();
    let map = map(&machine, MapType::Array, 8, 3);
    let next = |key: Option<&[u8]>| map.ops().next_key(&env(&machine, 0), key);
    assert_eq!(next(None), Some(key(0)));
    assert_eq!(next(Some(&key(1))), Some(key(2)));
    assert_eq!(next(Some(&key(2))), None);
    assert_eq!(next(Some(&key(77))), Some(key(0)));
}

#[test]
fn array_per_cpu_keeps_a_value_for_each_cpu() {
    let machine = machine();
    let map = map(&machine, MapType::PercpuArray, 4, 2);
    for cpu in 0..2 {
        map.ops()
            .update(&env(&machine, cpu), &key(1), &key(10 + cpu), BPF_ANY)
            .unwrap();
    }
    assert_eq!(
        map.lookup_user(&key(1)).unwrap(),
        [10, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0]
    );
    let own = map.ops().lookup(&env(&machine, 1), &key(1));
    assert_eq!(
        map.ops().lookup_on(&env(&machine, 0), &key(1), CpuId(1)),
        own
    );
    assert_eq!(
        map.ops().lookup_on(&env(&machine, 0), &key(1), CpuId(2)),
        None
    );
    assert_eq!(
        map.update_user(&key(0), &[1; 8], BPF_ANY),
        Err(Errno::EINVAL)
    );
    map.update_user(&key(0), &[1; 16], BPF_ANY).unwrap();
    assert_eq!(
        map.lookup_user(&key(0)).unwrap()[8..],
        [1, 1, 1, 1, 0, 0, 0, 0]
    );
}

#[test]
fn flags_decide_who_may_access() {
    let machine = machine();
    let with = |flags| {
        let spec = MapSpec {
            flags,
            ..spec(MapType::Array, 4, 8, 1)
        };
        Map::create(&machine, &spec).unwrap()
    };
    let (read_only, write_only) = (with(1 << 3), with(1 << 4));
    assert_eq!(
        read_only.update_user(&key(0), &value(1), BPF_ANY),
        Err(Errno::EPERM)
    );
    assert_eq!(write_only.update_user(&key(0), &value(1), BPF_ANY), Ok(()));
    assert_eq!(
        (
            read_only.lookup_user(&key(0)).is_some(),
            write_only.lookup_user(&key(0))
        ),
        (true, None)
    );
    let base = |map: &Map| map.array().and_then(ArrayMap::base).unwrap();
    let (read_only, write_only) = (with(1 << 7), with(1 << 8));
    assert!(machine.memory.store(base(&read_only), Size::DW, 1).is_err());
    assert!(machine.memory.load(base(&write_only), Size::DW).is_err());
    assert_eq!(read_only.update_user(&key(0), &value(1), BPF_ANY), Ok(()));
    read_only.freeze();
    assert_eq!(
        read_only.update_user(&key(0), &value(1), BPF_ANY),
        Err(Errno::EPERM)
    );
    assert_eq!(read_only.lookup_user(&key(0)).unwrap(), value(1));
}

#[test]
fn table_finds_maps_by_id_and_handle() {
    let machine = machine();
    let table = MapTable::default();
    for _ in 0..20 {
        table.insert(map(&machine, MapType::Hash, 8, 4));
    }
    let ids: Vec<u32> = table.iter().map(|map| map.id.0).collect();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    let fifth = table.get(MapId(5)).unwrap();
    assert_eq!(
        table.by_handle(&machine.memory, fifth.handle).unwrap().id,
        MapId(5)
    );
    assert!(
        table
            .by_handle(&machine.memory, fifth.handle.offset(8))
            .is_none()
    );
    assert!(table.by_handle(&machine.memory, Addr(64)).is_none());
    assert!(table.get(MapId(0)).is_none() && table.get(MapId(21)).is_none());
    assert!(machine.memory.load(fifth.handle, Size::W).is_err());
}

#[test]
fn programs_are_ids_by_index() {
    let machine = machine();
    let map = map(&machine, MapType::ProgArray, 4, 4);
    let programs = map.programs().unwrap();
    assert_eq!(map.update_user(&key(1), &key(9), BPF_ANY), Ok(()));
    assert_eq!(programs.get(&machine.memory, 1), Some(ProgId(9)));
    assert_eq!(
        (
            programs.get(&machine.memory, 0),
            programs.get(&machine.memory, 4)
        ),
        (None, None)
    );
    assert_eq!(
        map.update_user(&key(4), &key(9), BPF_ANY),
        Err(Errno::E2BIG)
    );
    assert_eq!(
        map.update_user(&key(0), &key(9), BPF_EXIST),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        map.update_user(&key(0), &key(0), BPF_ANY),
        Err(Errno::EBADF)
    );
    assert_eq!(map.entries(), [(key(1), key(9))]);
    assert_eq!(
        [map.delete_user(&key(1)), map.delete_user(&key(1))],
        [Ok(()), Err(Errno::ENOENT)]
    );
    assert_eq!(map.delete_user(&key(4)), Err(Errno::E2BIG));
    assert_eq!(map.ops().lookup(&env(&machine, 0), &key(1)), None);
}

#[test]
fn perf_output_goes_to_the_buffer_of_its_cpu() {
    let machine = machine();
    let map = map(&machine, MapType::PerfEventArray, 4, 3);
    let perf = map.perf().unwrap();
    let current = 0xffff_ffff;
    assert_eq!(perf.output(CpuId(1), current, b"one"), Ok(()));
    assert_eq!(perf.output(CpuId(0), 0, b"two"), Ok(()));
    assert_eq!(perf.output(CpuId(0), 1, b"x"), Err(Errno::EOPNOTSUPP));
    assert_eq!(perf.output(CpuId(0), 2, b"x"), Err(Errno::ENOENT));
    assert_eq!(perf.output(CpuId(0), 3, b"x"), Err(Errno::E2BIG));
    assert_eq!(perf.output(CpuId(0), 1 << 32, b"x"), Err(Errno::EINVAL));
    let record = |cpu, data: &[u8]| PerfRecord {
        cpu: CpuId(cpu),
        data: data.to_vec(),
    };
    assert_eq!(perf.drain(), [record(1, b"one"), record(0, b"two")]);
    assert_eq!(map.delete_user(&key(0)), Ok(()));
    assert_eq!(perf.output(CpuId(0), current, b"x"), Err(Errno::ENOENT));
    assert_eq!(map.update_user(&key(0), &key(3), BPF_ANY), Ok(()));
    assert_eq!(perf.output(CpuId(0), current, b"x"), Ok(()));
}

#[test]
fn perf_output_into_a_full_buffer_is_lost_and_counted() {
    let machine = machine();
    let map = map(&machine, MapType::PerfEventArray, 4, 2);
    let perf = map.perf().unwrap();
    let written = (0..1000)
        .filter(|_| perf.output(CpuId(0), 0, &[0; 1000]).is_ok())
        .count();
    assert_eq!((written, perf.lost()), (258, 742));
    assert!(perf.output(CpuId(1), 1, &[0; 1000]).is_ok());
    assert_eq!(perf.drain().len(), 259);
    assert!(perf.output(CpuId(0), 0, &[0; 1000]).is_ok());
}

fn ringbuf(machine: &Machine) -> Arc<Map> {
    Map::create(machine, &spec(MapType::Ringbuf, 0, 0, 4096)).unwrap()
}

#[test]
fn ringbuf_reader_sees_records_in_order_of_reservation() {
    let machine = machine();
    let (memory, map) = (&machine.memory, ringbuf(&machine));
    let ring = map.ringbuf().unwrap();
    let first = ring.reserve(memory, 5, 0).unwrap();
    let dropped = ring.reserve(memory, 8, 0).unwrap();
    ring.output(b"third", 0).unwrap();
    memory.write(first, b"first").unwrap();
    assert!(memory.write(first, b"first!").is_err());
    ring.discard(memory, dropped).unwrap();
    assert!(ring.drain().is_empty());
    assert_eq!(ring.reserved(), [first]);
    ring.submit(memory, first).unwrap();
    assert_eq!(ring.drain(), [b"first".to_vec(), b"third".to_vec()]);
    assert_eq!(
        memory.load(first, Size::B).unwrap_err().reason(),
        crate::machine::FaultReason::Freed
    );
    assert_eq!(ring.submit(memory, first), Err(Errno::EINVAL));
    assert_eq!(ring.discard(memory, Addr(0)), Err(Errno::EINVAL));
}

#[test]
fn ringbuf_accounts_headers_and_is_never_filled_to_the_last_byte() {
    let machine = machine();
    let (memory, map) = (&machine.memory, ringbuf(&machine));
    let ring = map.ringbuf().unwrap();
    assert_eq!(ring.reserve(memory, 4088, 0), None);
    let big = ring.reserve(memory, 4073, 0).unwrap();
    assert_eq!(
        [0, 1, 2, 3, 4].map(|what| ring.query(what)),
        [4088, 4096, 0, 4088, 0]
    );
    assert_eq!(ring.output(b"", 0), Err(Errno::EAGAIN));
    ring.discard(memory, big).unwrap();
    assert_eq!(ring.output(b"", 0), Err(Errno::EAGAIN));
    assert!(ring.drain().is_empty());
    assert_eq!(ring.output(b"", 3), Ok(()));
    assert_eq!([0, 2, 3].map(|what| ring.query(what)), [8, 4088, 4096]);
    assert_eq!(
        (ring.reserve(memory, 1, 1), ring.output(b"", 4)),
        (None, Err(Errno::EINVAL))
    );
    assert_eq!(ring.reserve(memory, u64::MAX, 0), None);
    assert_eq!(ring.refused(), 4);
}

#[test]
fn ringbuf_records_lead_back_to_their_map() {
    let machine = machine();
    let (table, map) = (MapTable::default(), ringbuf(&machine));
    table.insert(map.clone());
    let record = map
        .ringbuf()
        .unwrap()
        .reserve(&machine.memory, 16, 0)
        .unwrap();
    assert_eq!(table.by_record(&machine.memory, record).unwrap().id, map.id);
    assert!(table.by_record(&machine.memory, map.handle).is_none());
    assert_eq!(map.update_user(&[], &[], BPF_ANY), Err(Errno::ENOTSUPP));
    assert_eq!(map.delete_user(&[]), Err(Errno::ENOTSUPP));
}

#[test]
fn maps_of_maps_give_programs_the_inner_handle() {
    let machine = machine();
    let table = MapTable::default();
    let inner = map(&machine, MapType::Hash, 8, 4);
    let other = map(&machine, MapType::Hash, 16, 4);
    table.insert(inner.clone());
    table.insert(other.clone());
    for map_type in [MapType::ArrayOfMaps, MapType::HashOfMaps] {
        let mut outer = spec(map_type, 4, 4, 2);
        outer.inner = Some(Box::new(inner.spec.clone()));
        let outer = Map::create(&machine, &outer).unwrap();
        let update =
            |key: &[u8], id: u32| table.update_user(&outer, key, &id.to_le_bytes(), BPF_ANY);
        assert_eq!(update(&key(1), inner.id.0), Ok(()));
        assert_eq!(update(&key(1), other.id.0), Err(Errno::EINVAL));
        assert_eq!(update(&key(1), 99), Err(Errno::EBADF));
        let env = env(&machine, 0);
        assert_eq!(outer.ops().lookup(&env, &key(1)), Some(inner.handle));
        assert_eq!(outer.ops().lookup(&env, &key(0)), None);
        assert_eq!(
            outer.entries(),
            [(key(1), inner.id.0.to_le_bytes().to_vec())]
        );
        assert_eq!(
            [outer.delete_user(&key(1)), outer.delete_user(&key(1))],
            [Ok(()), Err(Errno::ENOENT)]
        );
        assert_eq!(outer.ops().lookup(&env, &key(1)), None);
    }
}

#[test]
fn queue_and_stack_pop_at_their_ends() {
    let machine = machine();
    let memory = &machine.memory;
    for (map_type, popped) in [(MapType::Queue, [2, 3]), (MapType::Stack, [3, 2])] {
        let map = Map::create(&machine, &spec(map_type, 0, 4, 2)).unwrap();
        let queue = map.queue().unwrap();
        assert_eq!(queue.pop(memory), Err(Errno::ENOENT));
        queue.push(memory, &key(1), BPF_ANY).unwrap();
        queue.push(memory, &key(2), BPF_ANY).unwrap();
        assert_eq!(queue.push(memory, &key(3), BPF_ANY), Err(Errno::E2BIG));
        assert_eq!(queue.push(memory, &key(3), BPF_NOEXIST), Err(Errno::EINVAL));
        assert_eq!(queue.push(memory, &key(3), BPF_EXIST), Ok(()));
        assert_eq!(queue.values(memory), popped.map(key));
        assert_eq!(map.lookup_user(&[]), Some(key(popped[0])));
        assert_eq!(
            [queue.pop(memory), queue.pop(memory)],
            popped.map(|n| Ok(key(n)))
        );
        assert_eq!(queue.peek(memory), Err(Errno::ENOENT));
    }
}

fn prefix(len: u32, address: [u8; 4]) -> Vec<u8> {
    [&len.to_le_bytes()[..], &address].concat()
}

#[test]
fn lpm_lookup_finds_the_longest_prefix() {
    let machine = machine();
    let spec = MapSpec {
        flags: 1,
        ..spec(MapType::LpmTrie, 8, 4, 3)
    };
    let map = Map::create(&machine, &spec).unwrap();
    let update = |len, address, n| map.update_user(&prefix(len, address), &key(n), BPF_ANY);
    assert_eq!(update(8, [10, 0, 0, 0], 1), Ok(()));
    assert_eq!(update(16, [10, 1, 0, 0], 2), Ok(()));
    assert_eq!(update(0, [0, 0, 0, 0], 3), Ok(()));
    assert_eq!(update(24, [10, 1, 1, 0], 4), Err(Errno::ENOSPC));
    assert_eq!(update(33, [0; 4], 4), Err(Errno::EINVAL));
    assert_eq!(update(8, [10, 9, 9, 9], 5), Ok(()));
    let find = |address| map.lookup_user(&prefix(32, address));
    assert_eq!(find([10, 1, 2, 3]), Some(key(2)));
    assert_eq!(find([10, 2, 2, 3]), Some(key(5)));
    assert_eq!(find([11, 2, 2, 3]), Some(key(3)));
    assert_eq!(map.lookup_user(&prefix(9, [10, 128, 0, 0])), Some(key(5)));
    let lens: Vec<u8> = map.entries().iter().map(|(key, _)| key[0]).collect();
    assert_eq!(lens, [16, 8, 0]);
    assert_eq!(map.delete_user(&prefix(16, [10, 1, 77, 77])), Ok(()));
    assert_eq!(
        map.delete_user(&prefix(16, [10, 1, 77, 77])),
        Err(Errno::ENOENT)
    );
    assert_eq!(find([10, 1, 2, 3]), Some(key(5)));
}

#[test]
fn lpm_value_that_was_replaced_stays_until_the_run_ends() {
    let machine = machine();
    let spec = MapSpec {
        flags: 1,
        ..spec(MapType::LpmTrie, 8, 4, 3)
    };
    let map = Map::create(&machine, &spec).unwrap();
    let (env, prefix) = (env(&machine, 0), prefix(8, [10, 0, 0, 0]));
    map.ops()
        .update(&env, &prefix, &key(1), BPF_NOEXIST)
        .unwrap();
    let old = map.ops().lookup(&env, &prefix).unwrap();
    map.ops().update(&env, &prefix, &key(2), BPF_EXIST).unwrap();
    assert_eq!(machine.memory.load(old, Size::W).unwrap(), 1);
    map.ops().update(&env, &prefix, &key(3), BPF_EXIST).unwrap();
    assert_eq!(machine.memory.load(old, Size::W).unwrap(), 1);
    map.ops().end_of_run(&machine.memory, &machine.grace);
    map.ops().update(&env, &prefix, &key(4), BPF_EXIST).unwrap();
    map.ops().update(&env, &prefix, &key(5), BPF_EXIST).unwrap();
    assert_ne!(
        machine.memory.load(old, Size::W).unwrap(),
        1,
        "it is reused"
    );
}
