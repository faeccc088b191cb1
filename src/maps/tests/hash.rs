//! The hash maps: rules, a model, eviction, and threads.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::abi::map_type::flag;

#[test]
fn hash_update_heeds_existence_and_capacity() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 2);
    let env = env(&machine, 0);
    let update = |n, flags| map.ops().update(&env, &key(n), &value(1), flags);
    assert_eq!(update(1, BPF_EXIST), Err(Errno::ENOENT));
    assert_eq!(update(1, BPF_NOEXIST), Ok(()));
    assert_eq!(update(1, BPF_NOEXIST), Err(Errno::EEXIST));
    assert_eq!(update(2, BPF_ANY), Ok(()));
    assert_eq!(update(3, BPF_ANY), Err(Errno::E2BIG));
    assert_eq!(update(2, BPF_EXIST), Ok(()));
    assert_eq!(update(2, 3), Err(Errno::EINVAL));
    assert_eq!(update(2, 4), Err(Errno::EINVAL));
    assert_eq!(
        [map.delete_user(&key(1)), map.delete_user(&key(1))],
        [Ok(()), Err(Errno::ENOENT)]
    );
    assert_eq!(update(3, BPF_ANY), Ok(()));
    assert_eq!(
        map.ops().update(&env, &key(3), &[0; 7], BPF_ANY),
        Err(Errno::EINVAL)
    );
    assert_eq!(map.lookup_user(&[0; 3]), None);
    assert_eq!(keys(&map), [2, 3]);
}

#[test]
fn hash_value_is_replaced_whole_and_the_old_one_stays_until_the_next_is_replaced() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 1);
    let env = env(&machine, 0);
    map.ops()
        .update(&env, &key(1), &value(10), BPF_ANY)
        .unwrap();
    let old = map.ops().lookup(&env, &key(1)).unwrap();
    map.ops()
        .update(&env, &key(1), &value(20), BPF_ANY)
        .unwrap();
    let new = map.ops().lookup(&env, &key(1)).unwrap();
    assert_eq!(machine.memory.load(old, Size::DW).unwrap(), 10);
    assert_eq!(machine.memory.load(new, Size::DW).unwrap(), 20);
    map.ops()
        .update(&env, &key(1), &value(30), BPF_ANY)
        .unwrap();
    assert_eq!(map.ops().lookup(&env, &key(1)), Some(old));
}

/// The element that was given back last is taken next; a preallocated map keeps one that was replaced for the next that
/// replaces another (kernel/bpf/hashtab.c and kernel/bpf/memalloc.c, v6.12).
#[test]
fn hash_element_that_was_given_back_is_taken_again() {
    let machine = machine();
    for (flags, kept_apart) in [(0, true), (flag::NO_PREALLOC, false)] {
        let spec = MapSpec {
            flags,
            ..spec(MapType::Hash, 4, 8, 4)
        };
        let map = Map::create(&machine, &spec).unwrap();
        let env = env(&machine, 0);
        let put = |n: u32| {
            let put = map.ops().update(&env, &key(n), &value(n.into()), BPF_ANY);
            put.unwrap();
            map.ops().lookup(&env, &key(n))
        };
        let first = put(1);
        map.ops().delete(&env, &key(1)).unwrap();
        assert_eq!(put(2), first);
        assert_ne!(put(2), first);
        assert_eq!(put(3) != first, kept_apart);
    }
}

#[test]
fn hash_entries_rise_by_key() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 10);
    for n in [500, 3, 9, 1] {
        map.update_user(&key(n), &value(0), BPF_ANY).unwrap();
    }
    map.update_user(&key(3), &value(7), BPF_ANY).unwrap();
    map.delete_user(&key(9)).unwrap();
    assert_eq!(keys(&map), [1, 3, 500]);
}

/// Every bucket's chain has several keys here.
#[test]
fn hash_keys_that_are_updated_on_the_way_are_each_met_once() {
    let machine = machine();
    let (count, buckets) = (700, 64);
    let map = map(&machine, MapType::Hash, 8, buckets);
    let env = env(&machine, 0);
    let there: Vec<u32> = (0..count)
        .filter(|n| map.update_user(&key(*n), &value(0), BPF_ANY).is_ok())
        .collect();
    assert_eq!(there.len(), buckets as usize);
    let first = map.ops().next_key(&env, None);
    let mut met: Vec<Vec<u8>> = Vec::new();
    let mut next = first.clone();
    while let Some(key) = next {
        map.ops().update(&env, &key, &value(1), BPF_EXIST).unwrap();
        next = map.ops().next_key(&env, Some(&key));
        met.push(key);
        assert!(met.len() <= there.len(), "a key is met again");
    }
    met.sort();
    met.dedup();
    assert_eq!(met.len(), there.len());
    assert_eq!(map.ops().next_key(&env, Some(&key(count))), first);
}

#[test]
fn hash_per_cpu_starts_other_cpus_at_zero_and_writes_in_place() {
    let machine = machine();
    let map = map(&machine, MapType::PercpuHash, 4, 1);
    let env1 = env(&machine, 1);
    map.update_user(&key(8), &[9; 16], BPF_ANY).unwrap();
    map.delete_user(&key(8)).unwrap();
    map.ops().end_of_run(&machine.memory, &machine.grace);
    map.ops().update(&env1, &key(7), &key(5), BPF_ANY).unwrap();
    assert_eq!(
        map.lookup_user(&key(7)).unwrap(),
        [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
    );
    let addr = map.ops().lookup(&env1, &key(7));
    map.ops().update(&env1, &key(7), &key(6), BPF_ANY).unwrap();
    assert_eq!(map.ops().lookup(&env1, &key(7)), addr);
    assert_eq!(
        map.ops().lookup_on(&env(&machine, 0), &key(7), CpuId(1)),
        addr
    );
    assert_eq!(
        map.update_user(&key(7), &[0; 4], BPF_ANY),
        Err(Errno::EINVAL)
    );
}

#[test]
fn hash_lru_evicts_what_was_not_used() {
    let machine = machine();
    for (map_type, bytes) in [(MapType::LruHash, 8), (MapType::LruPercpuHash, 16)] {
        let map = map(&machine, map_type, 8, 3);
        let env = env(&machine, 0);
        for n in 1..=3 {
            map.update_user(&key(n), &vec![0; bytes], BPF_ANY).unwrap();
        }
        map.ops().lookup(&env, &key(1)).unwrap();
        map.lookup_user(&key(2)).unwrap();
        map.ops().update(&env, &key(4), &value(4), BPF_ANY).unwrap();
        assert_eq!(keys(&map), [1, 3, 4]);
        map.ops().update(&env, &key(5), &value(5), BPF_ANY).unwrap();
        map.ops().update(&env, &key(6), &value(6), BPF_ANY).unwrap();
        assert_eq!(keys(&map).len(), 3);
        assert!(keys(&map).contains(&6));
    }
}

#[test]
fn hash_lru_with_every_element_used_still_evicts() {
    let machine = machine();
    let map = map(&machine, MapType::LruHash, 8, 2);
    let env = env(&machine, 0);
    for n in 0..100 {
        map.ops().update(&env, &key(n), &value(0), BPF_ANY).unwrap();
        let found = (0..100)
            .filter(|n| map.ops().lookup(&env, &key(*n)).is_some())
            .count();
        assert!(found <= 2);
    }
    assert_eq!(keys(&map).len(), 2);
}

/// The keys that the kernel has left on two CPUs (Linux 6.18): half of a CPU's part goes at once, or 4 elements where each
/// CPU has a set.
#[test]
fn hash_lru_evicts_in_batches() {
    let machine = machine();
    let wanted = [(0, 13..=25), (flag::NO_COMMON_LRU, 21..=25)];
    for (flags, wanted) in wanted {
        for map_type in [MapType::LruHash, MapType::LruPercpuHash] {
            let spec = MapSpec {
                flags,
                ..spec(map_type, 4, 4, 16)
            };
            let map = Map::create(&machine, &spec).unwrap();
            for n in 1..=25 {
                let put = map
                    .ops()
                    .update(&env(&machine, 0), &key(n), &key(n), BPF_ANY);
                put.unwrap();
            }
            assert_eq!(
                keys(&map),
                wanted.clone().collect::<Vec<_>>(),
                "{map_type:?}"
            );
        }
    }
}

/// Each CPU's part of a map has as many elements as the others', and the map says how many that are.
#[test]
fn hash_lru_of_parts_is_as_large_as_its_parts() {
    let machine = machine();
    let cpus = machine.cpus.count();
    for (flags, wanted) in [(0, 2 * cpus + 1), (flag::NO_COMMON_LRU, 3 * cpus)] {
        let spec = MapSpec {
            flags,
            ..spec(MapType::LruHash, 4, 4, 2 * cpus + 1)
        };
        let map = Map::create(&machine, &spec).unwrap();
        assert_eq!(map.spec.max_entries, wanted);
    }
}

/// As many as a batch has are looked at: that all of them were used costs the oldest of the others its place, used or not.
#[test]
fn hash_lru_evicts_a_used_element_where_a_batch_of_older_ones_was_used() {
    let machine = machine();
    let map = map(&machine, MapType::LruHash, 8, 1024);
    let env = env(&machine, 0);
    let put = |n| map.ops().update(&env, &key(n), &value(0), BPF_ANY).unwrap();
    (1..=1024).for_each(put);
    for n in 1..=256 {
        map.ops().lookup(&env, &key(n)).unwrap();
    }
    (1025..=1537).for_each(put);
    let left = (1..=128).chain(130..=256).chain(770..=1537);
    assert_eq!(keys(&map), left.collect::<Vec<_>>());
}

/// The node for an update is taken first, so that one of a key that is there evicts too.
#[test]
fn hash_lru_update_of_a_key_evicts_another() {
    let machine = machine();
    let map = map(&machine, MapType::LruHash, 8, 4);
    let env = env(&machine, 0);
    for n in [1, 2, 3, 4, 4] {
        map.ops().update(&env, &key(n), &value(0), BPF_ANY).unwrap();
    }
    assert_eq!(keys(&map), [2, 3, 4]);
    let refused = map.ops().update(&env, &key(2), &value(0), BPF_NOEXIST);
    assert_eq!(refused, Err(Errno::EEXIST));
    assert_eq!(
        keys(&map),
        [2, 3, 4],
        "the node that was replaced is there for it"
    );
}

/// All free nodes and all elements are the other CPU's at times.
#[test]
fn hash_lru_update_takes_nodes_from_the_other_cpu() {
    let machine = machine();
    for capacity in [1, 2, 3, 16] {
        let map = map(&machine, MapType::LruHash, 8, capacity);
        for n in 0..200u32 {
            let env = env(&machine, n / capacity % 2);
            let put = map.ops().update(&env, &key(n), &value(0), BPF_ANY);
            assert_eq!(put, Ok(()), "{n} of {capacity}");
            assert!(map.ops().lookup(&env, &key(n)).is_some());
            if n % 5 == 0 {
                map.ops().delete(&env, &key(n)).unwrap();
            }
            assert!(keys(&map).len() <= capacity as usize);
        }
    }
}

#[test]
fn hash_of_many_replacements_in_one_run_reuses_elements() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 1024, 4);
    let before = machine.memory.used();
    for n in 0..50_000u32 {
        let bytes = [n as u8; 1024];
        map.ops()
            .update(&env(&machine, 0), &key(n % 4), &bytes, BPF_ANY)
            .unwrap();
    }
    let used = machine.memory.used() - before;
    assert!(used < 32 << 20, "{used} bytes");
    assert_eq!(
        map.lookup_user(&key(3)).unwrap(),
        vec![(49_999u32 & 255) as u8; 1024]
    );
}

#[test]
fn hash_beyond_the_memory_refuses_the_update() {
    let config = MachineConfig::default();
    let memory = crate::machine::MemoryConfig {
        budget: 1 << 20,
        ..config.memory
    };
    let machine = Machine::new(MachineConfig { memory, ..config }).unwrap();
    let map = map(&machine, MapType::Hash, 4096, 10_000);
    let failed = (0..1000).find_map(|n| map.update_user(&key(n), &[1; 4096], BPF_ANY).err());
    assert_eq!(failed, Some(Errno::ENOMEM));
    assert!(keys(&map).len() > 50);
    assert_eq!(map.lookup_user(&key(3)), Some(vec![1; 4096]));
}

/// One step of a program or reader.
#[derive(Clone, Debug)]
enum Step {
    Update(u8, u64, u64),
    Delete(u8),
    Lookup(u8),
    EndOfRun,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..40u8, any::<u64>(), 0..3u64).prop_map(|(k, v, flags)| Step::Update(k, v, flags)),
        2 => (0..40u8).prop_map(Step::Delete),
        2 => (0..40u8).prop_map(Step::Lookup),
        1 => Just(Step::EndOfRun),
    ]
}

fn model_update(
    model: &mut std::collections::HashMap<Vec<u8>, u64>,
    (key, value, flags): (&[u8], u64, u64),
    capacity: usize,
) -> Result<(), Errno> {
    match (flags, model.contains_key(key)) {
        (BPF_NOEXIST, true) => Err(Errno::EEXIST),
        (BPF_EXIST, false) => Err(Errno::ENOENT),
        (_, false) if model.len() == capacity => Err(Errno::E2BIG),
        _ => {
            model.insert(key.to_vec(), value);
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hash_after_any_steps_equals_the_model(
        steps in prop::collection::vec(step(), 1..300),
        key_size in 1u32..20,
    ) {
        let machine = machine();
        let map = Map::create(&machine, &spec(MapType::Hash, key_size, 8, 25)).unwrap();
        let env = env(&machine, 0);
        let mut model = std::collections::HashMap::new();
        let key = |n: u8| {
            let mut key = vec![0; key_size as usize];
            key[n as usize % key_size as usize] = n;
            key
        };
        for step in steps {
            match step {
                Step::Update(k, v, flags) => {
                    let wanted = model_update(&mut model, (&key(k), v, flags), 25);
                    prop_assert_eq!(map.ops().update(&env, &key(k), &value(v), flags), wanted);
                }
                Step::Delete(k) => {
                    let wanted = model.remove(&key(k)).map(drop).ok_or(Errno::ENOENT);
                    prop_assert_eq!(map.ops().delete(&env, &key(k)), wanted);
                }
                Step::Lookup(k) => {
                    let found = map.ops().lookup(&env, &key(k));
                    let found = found.map(|addr| machine.memory.load(addr, Size::DW).unwrap());
                    prop_assert_eq!(found, model.get(&key(k)).copied());
                }
                Step::EndOfRun => map.ops().end_of_run(&machine.memory, &machine.grace),
            }
        }
        let mut entries = map.entries();
        entries.sort();
        let mut wanted: Vec<_> = model.into_iter().map(|(k, v)| (k, value(v))).collect();
        wanted.sort();
        prop_assert_eq!(entries, wanted);
    }
}

/// Each writer replaces the values of keys that stay, and inserts and deletes others in the same buckets: a reader may be
/// led from chain to chain by the nodes that move, and must still find what is there.
#[test]
fn hash_key_that_stays_is_found_while_others_move_nodes() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 64);
    for n in 0..32 {
        map.update_user(&key(n), &value(0), BPF_ANY).unwrap();
    }
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for cpu in 0..2u32 {
            let (map, machine, done) = (&map, &machine, &done);
            scope.spawn(move || {
                let env = env(machine, cpu);
                for n in 0..20_000u32 {
                    let staying = key(n % 16 * 2 + cpu);
                    map.ops()
                        .update(&env, &staying, &value(n.into()), BPF_EXIST)
                        .unwrap();
                    let passing = key(100 + n % 8 * 2 + cpu);
                    map.ops()
                        .update(&env, &passing, &value(0), BPF_NOEXIST)
                        .unwrap();
                    map.ops().delete(&env, &passing).unwrap();
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < 2 {
                for n in 0..32 {
                    let outside = MapEnv::outside(&machine.memory, CpuId(0));
                    let found = map.ops().lookup(&outside, &key(n));
                    assert!(found.is_some(), "{n} is there all the time");
                }
            }
        });
    });
    assert_eq!(keys(&map), (0..32).collect::<Vec<_>>());
}

/// Runs keep elements that they replaced for themselves; others find one all the same.
#[test]
fn hash_that_is_full_is_updated_from_outside_after_runs_replaced() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 1);
    for cpu in 0..2 {
        for n in 0..3 {
            let env = env(&machine, cpu);
            map.ops().update(&env, &key(1), &value(n), BPF_ANY).unwrap();
        }
    }
    assert_eq!(map.update_user(&key(1), &value(7), BPF_ANY), Ok(()));
    assert_eq!(map.lookup_user(&key(1)), Some(value(7)));
    assert_eq!(
        map.update_user(&key(2), &value(7), BPF_ANY),
        Err(Errno::E2BIG)
    );
}

/// One CPU inserts what the other deletes: nodes gather on one CPU's shelf and are taken from there.
#[test]
fn hash_nodes_that_one_cpu_gives_back_serve_another() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 1024, 10);
    let before = machine.memory.used();
    for n in 0..10_000 {
        map.ops()
            .update(&env(&machine, 0), &key(n), &[0; 1024], BPF_NOEXIST)
            .unwrap();
        map.ops().delete(&env(&machine, 1), &key(n)).unwrap();
    }
    let used = machine.memory.used() - before;
    assert!(used < 1 << 20, "{used} bytes");
}

#[test]
fn hash_threads_that_insert_and_delete_keep_the_count() {
    let machine = machine();
    let map = map(&machine, MapType::Hash, 8, 100);
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let (map, machine) = (&map, &machine);
            scope.spawn(move || {
                let env = env(machine, thread % 2);
                for round in 0..500 {
                    for n in 0..25 {
                        map.ops()
                            .update(&env, &key(thread * 25 + n), &value(round), BPF_NOEXIST)
                            .unwrap();
                    }
                    for n in 0..25 {
                        map.ops().delete(&env, &key(thread * 25 + n)).unwrap();
                    }
                }
                map.ops()
                    .update(&env, &key(thread * 25), &value(1), BPF_ANY)
                    .unwrap();
            });
        }
    });
    let mut left = keys(&map);
    left.sort_unstable();
    assert_eq!(left, [0, 25, 50, 75]);
}

#[test]
fn array_threads_that_add_atomically_lose_nothing() {
    let machine = machine();
    let map = map(&machine, MapType::Array, 8, 4);
    let add = crate::isa::AtomicOp::Add(crate::isa::Fetch::No);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..10_000u32 {
                    let addr = map.ops().lookup(&env(&machine, 0), &key(n % 4)).unwrap();
                    machine
                        .memory
                        .atomic(addr, add, crate::isa::Width::W64, 1, 0)
                        .unwrap();
                }
            });
        }
    });
    let values: Vec<Vec<u8>> = map.entries().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, vec![value(10_000); 4]);
}
