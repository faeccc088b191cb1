//! What the system call gets beyond single elements. Error numbers are those of Linux 6.18.

use super::*;
use crate::abi::map_type::flag;

fn small(machine: &Machine, map_type: MapType) -> Arc<Map> {
    map(machine, map_type, 8, 8)
}

fn pairs(range: std::ops::Range<u32>) -> Vec<Pair> {
    range.map(|n| (key(n), value(n.into()))).collect()
}

#[test]
fn take_gives_a_value_once() {
    let machine = machine();
    for map_type in [MapType::Hash, MapType::LruHash] {
        let map = small(&machine, map_type);
        map.update_user(&key(1), &value(7), BPF_ANY).unwrap();
        assert_eq!(map.take_user(&key(1), 4), Err(Errno::EINVAL));
        assert_eq!(map.take_user(&key(1), 0), Ok(value(7)));
        assert_eq!(map.take_user(&key(1), 0), Err(Errno::ENOENT));
    }
    let queue = Map::create(&machine, &spec(MapType::Queue, 0, 8, 2)).unwrap();
    queue.update_user(&[], &value(3), BPF_ANY).unwrap();
    assert_eq!(queue.take_user(&[], 0), Ok(value(3)));
    assert_eq!(queue.take_user(&[], 0), Err(Errno::ENOENT));
    assert_eq!(queue.next_key_user(None), Err(Errno::EINVAL));
    assert_eq!(
        small(&machine, MapType::Array).take_user(&key(0), 0),
        Err(Errno::ENOTSUPP)
    );
}

#[test]
fn batches_of_an_array_follow_each_other() {
    let machine = machine();
    let map = small(&machine, MapType::Array);
    let mut from = None;
    let mut seen = Vec::new();
    for expected in [3, 3, 2] {
        let batch = map.lookup_batch(from.as_deref(), 3).unwrap();
        assert_eq!(batch.pairs.len(), expected);
        seen.extend(batch.pairs);
        from = batch.next;
    }
    assert_eq!((seen, from), (map.entries(), None));
    assert_eq!(map.take_batch(3), Err(Errno::ENOTSUPP));
    let refused = map.delete_batch(&[key(0)]).unwrap_err();
    assert_eq!((refused.done, refused.errno), (0, Errno::ENOTSUPP));
    let beyond = [pairs(0..2), pairs(9..10)].concat();
    let refused = map.update_batch(&beyond).unwrap_err();
    assert_eq!((refused.done, refused.errno), (2, Errno::E2BIG));
}

#[test]
fn batches_of_a_hash_stop_at_the_first_refusal() {
    let machine = machine();
    let map = small(&machine, MapType::Hash);
    assert_eq!(map.update_batch(&pairs(0..6)), Ok(()));
    let refused = map.update_batch(&pairs(10..16)).unwrap_err();
    assert_eq!((refused.done, refused.errno), (2, Errno::E2BIG));
    let refused = map
        .delete_batch(&[key(0), key(1), key(99), key(2)])
        .unwrap_err();
    assert_eq!((refused.done, refused.errno), (2, Errno::ENOENT));
    let first = map.take_batch(4).unwrap();
    assert!(first.next.is_some() && first.pairs.len() == 4);
    let last = map.take_batch(100).unwrap();
    assert_eq!((last.pairs.len(), last.next), (2, None));
    assert_eq!(map.take_batch(100), Ok(Batch::default()));
}

#[test]
fn unreadable_types_answer_with_their_own_error() {
    let machine = machine();
    let cases = [
        (MapType::PerfEventArray, 4, Errno::ENOTSUPP),
        (MapType::CgroupArray, 4, Errno::ENOTSUPP),
        (MapType::Xskmap, 4, Errno::EOPNOTSUPP),
        (MapType::Sockmap, 4, Errno::ENOSPC),
        (MapType::Sockmap, 8, Errno::ENOENT),
        (MapType::ProgArray, 4, Errno::ENOENT),
        (MapType::Hash, 8, Errno::ENOENT),
    ];
    for (map_type, value_size, errno) in cases {
        let map = Map::create(&machine, &spec(map_type, 4, value_size, 4)).unwrap();
        assert_eq!(map.read_user(&key(0)), Err(errno), "{map_type}");
    }
    let ring = Map::create(&machine, &spec(MapType::Ringbuf, 0, 0, 4096)).unwrap();
    assert_eq!(ring.read_user(&[]), Err(Errno::ENOTSUPP));
    assert_eq!(ring.next_key_user(None), Err(Errno::ENOTSUPP));
    let bloom = Map::create(&machine, &spec(MapType::BloomFilter, 0, 8, 4)).unwrap();
    assert_eq!(bloom.next_key_user(None), Err(Errno::EOPNOTSUPP));
}

#[test]
fn frozen_map_is_read_only_for_the_system_call() {
    let machine = machine();
    let map = small(&machine, MapType::Hash);
    map.update_user(&key(1), &value(7), BPF_ANY).unwrap();
    assert_eq!(map.freeze_user(), Ok(()));
    // As Linux 6.18 answers (`map_freeze` in kernel/bpf/syscall.c).
    assert_eq!(map.freeze_user(), Err(Errno::EPERM));
    assert_eq!(map.take_user(&key(1), 0), Err(Errno::EPERM));
    assert_eq!(map.take_batch(1), Err(Errno::EPERM));
    assert_eq!(map.read_user(&key(1)), Ok(value(7)));
    let env = env(&machine, 0);
    assert_eq!(
        map.ops().update(&env, &key(2), &value(8), BPF_ANY),
        Ok(()),
        "programs may"
    );
    let read_only = MapSpec {
        flags: flag::RDONLY,
        ..spec(MapType::Hash, 4, 8, 8)
    };
    let read_only = Map::create(&machine, &read_only).unwrap();
    assert_eq!(read_only.freeze_user(), Err(Errno::EPERM));
}
