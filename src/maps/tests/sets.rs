//! Stack traces, bloom filters and user ring buffers. Error numbers are those of Linux 6.18.

use super::*;
use crate::abi::map_type::flag;

fn stacks(machine: &Machine, entries: u32) -> Arc<Map> {
    Map::create(machine, &spec(MapType::StackTrace, 4, 24, entries)).unwrap()
}

#[test]
fn stack_is_stored_once_and_read_back_with_zeros_behind_it() {
    let machine = machine();
    let map = stacks(&machine, 1024);
    let keeper = map.stacks().unwrap();
    let id = keeper.store(&[1, 2], 0).unwrap();
    assert_eq!(keeper.store(&[1, 2], 0), Ok(id));
    let deep = keeper.store(&[1, 2, 3, 4], 0).unwrap();
    assert_eq!(
        keeper.store(&[1, 2, 3], 0),
        Ok(deep),
        "the fourth is cut off"
    );
    assert_eq!(map.entries().len(), 2);
    assert_eq!(
        map.lookup_user(&key(id)).unwrap(),
        [value(1), value(2), value(0)].concat()
    );
    assert_eq!(
        map.update_user(&key(id), &[0; 24], BPF_ANY),
        Err(Errno::EINVAL)
    );
    assert_eq!(map.delete_user(&key(id)), Ok(()));
    assert_eq!(map.delete_user(&key(id)), Err(Errno::ENOENT));
    assert_eq!(map.delete_user(&key(1024)), Err(Errno::E2BIG));
}

#[test]
fn stack_of_a_taken_id_is_refused_unless_it_may_be_reused() {
    const REUSE: u64 = 1 << 10;
    let machine = machine();
    let map = stacks(&machine, 1);
    let keeper = map.stacks().unwrap();
    assert_eq!(keeper.store(&[1], 0), Ok(0));
    assert_eq!(keeper.store(&[2], 0), Err(Errno::EEXIST));
    assert_eq!(
        keeper.store(&[2], REUSE),
        Err(Errno::ENOMEM),
        "the old one is there still"
    );
    let roomier = stacks(&machine, 2);
    let keeper = roomier.stacks().unwrap();
    let id = keeper.store(&[1], 0).unwrap();
    let other = (2..).find(|frame| keeper.store(&[*frame], 0) == Err(Errno::EEXIST));
    let other = other.unwrap();
    if roomier.entries().len() == 1 {
        assert_eq!(keeper.store(&[other], REUSE), Ok(id));
        assert_eq!(roomier.lookup_user(&key(id)).unwrap()[..8], value(other));
    }
}

fn bloom(machine: &Machine, value_size: u32, entries: u32, hashes: u64) -> Arc<Map> {
    let spec = MapSpec {
        flags: flag::ZERO_SEED,
        extra: hashes,
        ..spec(MapType::BloomFilter, 0, value_size, entries)
    };
    Map::create(machine, &spec).unwrap()
}

/// Value size, entries, hash functions; which of the numbers below 4096 a filter of Linux 6.18 with
/// `BPF_F_ZERO_SEED` answers yes to, of which multiples of 64 were put in: how many, and a checksum.
const BLOOM: &str = include_str!("bloom-6.18.csv");

#[test]
fn bloom_filter_errs_where_the_kernel_errs() {
    let machine = machine();
    for line in BLOOM.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<u64> = line.split(',').map(|word| word.parse().unwrap()).collect();
        let &[size, entries, hashes, count, sum] = fields.as_slice() else {
            panic!("{line}");
        };
        let map = bloom(&machine, size as u32, entries as u32, hashes);
        let filter = map.bloom().unwrap();
        let bytes = |number: u64| {
            let mut bytes = number.to_le_bytes().to_vec();
            bytes.resize(size as usize, 0);
            bytes
        };
        for number in (0..4096).step_by(64) {
            filter
                .push(&machine.memory, &bytes(number), BPF_ANY)
                .unwrap();
        }
        let answers =
            (0..4096).filter(|number| filter.peek(&machine.memory, &bytes(*number)).is_ok());
        let answers: Vec<u64> = answers.collect();
        assert_eq!(
            (answers.len() as u64, answers.iter().sum::<u64>()),
            (count, sum),
            "{line}"
        );
    }
}

#[test]
fn bloom_filter_refuses_flags_and_deletion() {
    let machine = machine();
    let map = bloom(&machine, 4, 100, 0);
    assert_eq!(
        map.update_user(&[], &key(1), BPF_NOEXIST),
        Err(Errno::EINVAL)
    );
    assert_eq!(map.update_user(&[], &key(1), BPF_EXIST), Err(Errno::EINVAL));
    assert_eq!(map.update_user(&[], &key(1), BPF_ANY), Ok(()));
    assert_eq!(map.delete_user(&[]), Err(Errno::EOPNOTSUPP));
    assert_eq!(map.bloom().unwrap().peek(&machine.memory, &key(1)), Ok(()));
}

#[test]
fn user_ring_gives_samples_in_order_to_one_drain_at_a_time() {
    let machine = machine();
    let map = Map::create(&machine, &spec(MapType::UserRingbuf, 0, 0, 4096)).unwrap();
    let ring = map.user_ringbuf().unwrap();
    assert_eq!(ring.send(&[0; 4096]), Err(Errno::E2BIG));
    for n in 0..2 {
        ring.send(&[n; 2000]).unwrap();
    }
    assert_eq!(ring.send(&[0; 2000]), Err(Errno::ENOSPC));
    let drain = ring.drain().unwrap();
    assert_eq!(ring.drain().err(), Some(Errno::EBUSY));
    assert_eq!(drain.peek(), Some(vec![0; 2000]));
    drain.take();
    assert_eq!(drain.peek(), Some(vec![1; 2000]));
    drop(drain);
    assert_eq!(ring.waiting(), 1);
    assert_eq!(ring.send(&[2; 2000]), Ok(()), "there is room again");
    assert_eq!(map.update_user(&[], &[], BPF_ANY), Err(Errno::ENOTSUPP));
}
