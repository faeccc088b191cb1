//! Keys of hash maps as they are looked for: short ones as two words, with their hash.
//!
//! It holds no keys: short ones live in the cells of nodes, long ones in guest memory.

/// Keys of at most so many bytes are short.
pub(super) const SHORT: u32 = 16;

/// A key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'a> {
    /// Its bytes as two numbers in little-endian order, zero behind its end.
    Short([u64; 2]),
    /// Its bytes.
    Long(&'a [u8]),
}

/// A key and its hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    pub(super) key: Key<'a>,
    pub(super) hash: u32,
}

impl<'a> Sought<'a> {
    /// A key of these bytes.
    pub(super) fn of(bytes: &'a [u8]) -> Sought<'a> {
        match short(bytes) {
            Some(words) => Sought::of_words(words),
            None => Sought {
                key: Key::Long(bytes),
                hash: hash_of(bytes),
            },
        }
    }

    /// A short key.
    #[inline(always)]
    pub(super) fn of_words(words: [u64; 2]) -> Sought<'a> {
        let [low, high] = words;
        Sought {
            key: Key::Short(words),
            hash: fold(mix(low ^ SEED, high ^ FACTOR)),
        }
    }
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const SEED: u64 = 0xd1b5_4a32_d192_ed03;

fn short(bytes: &[u8]) -> Option<[u64; 2]> {
    let mut all = [0; SHORT as usize];
    all.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let all = u128::from_le_bytes(all);
    Some([all as u64, (all >> 64) as u64])
}

/// A hash of a long key, the same on every host: multiply and fold, word by word.
fn hash_of(key: &[u8]) -> u32 {
    let (words, rest) = key.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words
        .iter()
        .chain([&last])
        .map(|word| u64::from_le_bytes(*word));
    fold(words.fold(key.len() as u64, |hash, word| {
        mix(hash ^ word ^ FACTOR, FACTOR)
    }))
}

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

fn fold(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn hash_of_small_numbers_spreads_over_buckets() {
        let spread = |key: &dyn Fn(u32) -> Vec<u8>| {
            let buckets: BTreeSet<u32> = (0u32..1024)
                .map(|n| Sought::of(&key(n)).hash & 1023)
                .collect();
            buckets.len()
        };
        let number = |n: u32| n.to_le_bytes().to_vec();
        let second = |n: u32| [[7; 8], u64::from(n).to_le_bytes()].concat();
        let long = |n: u32| [vec![7; 20], n.to_le_bytes().to_vec()].concat();
        for key in [&number as &dyn Fn(u32) -> Vec<u8>, &second, &long] {
            assert!(spread(key) > 550, "{}", spread(key));
        }
    }

    #[test]
    fn short_key_is_the_same_from_bytes_and_from_words() {
        let bytes: Vec<u8> = (1..=12).collect();
        let words = [0x0807_0605_0403_0201, 0x0c0b_0a09];
        let of_bytes = Sought::of(&bytes);
        assert!(matches!(of_bytes.key, Key::Short(found) if found == words));
        assert_eq!(of_bytes.hash, Sought::of_words(words).hash);
        assert!(matches!(Sought::of(&[0; 17]).key, Key::Long(_)));
    }
}
