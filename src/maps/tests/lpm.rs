//! Longest-prefix-match maps against a model, at address lengths on both sides of each word.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Update(Prefix, u32),
    Delete(Prefix),
    Lookup(Prefix),
    EndOfRun,
}

/// A prefix length in 256ths of the address, and a seed of the address.
type Prefix = (u8, u8);

fn step() -> impl Strategy<Value = Step> {
    let prefix = || (any::<u8>(), any::<u8>());
    prop_oneof![
        4 => (prefix(), any::<u32>()).prop_map(|(prefix, value)| Step::Update(prefix, value)),
        2 => prefix().prop_map(Step::Delete),
        4 => prefix().prop_map(Step::Lookup),
        1 => Just(Step::EndOfRun),
    ]
}

/// Addresses that often have much in common, and then differ in a single bit.
fn bits((len, seed): Prefix, bytes: usize) -> (u32, Vec<u8>) {
    let most = bytes as u32 * 8;
    let mut address = vec![if seed & 1 == 0 { 0 } else { 0xa5 }; bytes];
    let flipped = usize::from(seed >> 1) % (bytes * 8);
    address[flipped / 8] ^= 0x80 >> (flipped % 8);
    ((u32::from(len) * (most + 1)) >> 8, address)
}

fn key_of((len, address): &(u32, Vec<u8>)) -> Vec<u8> {
    [&len.to_le_bytes()[..], address].concat()
}

fn masked((len, address): &(u32, Vec<u8>)) -> (u32, Vec<u8>) {
    let kept = |i: u32| len.saturating_sub(i * 8).min(8);
    let bytes = (0..).zip(address);
    let bytes = bytes.map(|(i, byte)| byte & !(0xff_u16 >> kept(i)) as u8);
    (*len, bytes.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn lpm_after_any_steps_equals_the_model(
        steps in prop::collection::vec(step(), 1..250),
        bytes in prop::sample::select(vec![1_usize, 4, 8, 9, 16, 17, 20]),
    ) {
        let machine = machine();
        let spec = MapSpec {
            flags: 1,
            ..spec(MapType::LpmTrie, bytes as u32 + 4, 4, 40)
        };
        let map = Map::create(&machine, &spec).unwrap();
        let env = env(&machine, 0);
        let mut model: BTreeMap<(u32, Vec<u8>), u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Update(prefix, n) => {
                    let prefix = bits(prefix, bytes);
                    let full = model.len() == 40 && !model.contains_key(&masked(&prefix));
                    let wanted = if full { Err(Errno::ENOSPC) } else { Ok(()) };
                    let done = map.ops().update(&env, &key_of(&prefix), &key(n), BPF_ANY);
                    prop_assert_eq!(done, wanted);
                    if !full {
                        model.insert(masked(&prefix), n);
                    }
                }
                Step::Delete(prefix) => {
                    let prefix = bits(prefix, bytes);
                    let wanted = model.remove(&masked(&prefix)).map(drop).ok_or(Errno::ENOENT);
                    prop_assert_eq!(map.ops().delete(&env, &key_of(&prefix)), wanted);
                }
                Step::Lookup(prefix) => {
                    let prefix = bits(prefix, bytes);
                    let of_len = |len: u32| model.get(&masked(&(len, prefix.1.clone())));
                    let wanted = (0..=prefix.0).rev().find_map(of_len).map(|n| u64::from(*n));
                    let found = map.ops().lookup(&env, &key_of(&prefix));
                    let found = found.map(|addr| machine.memory.load(addr, Size::W).unwrap());
                    prop_assert_eq!(found, wanted);
                    if let (Body::Lpm(lpm), true) = (map.body(), bytes <= 4) {
                        let mut short = key_of(&prefix);
                        short.resize(8, 0);
                        let short = u64::from_le_bytes(short.try_into().unwrap());
                        let addr = lpm.lookup_short(&env, short);
                        let found = (addr != 0).then(|| machine.memory.load(Addr(addr), Size::W).unwrap());
                        prop_assert_eq!(found, wanted);
                    }
                }
                Step::EndOfRun => map.ops().end_of_run(&machine.memory, &machine.grace),
            }
        }
        prop_assert_eq!(map.entries().len(), model.len());
    }
}
