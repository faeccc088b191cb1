//! Bloom filters: sets that may say yes to what is not in them, and never no to what is.
//!
//! Rules:
//! - Size and hashes are the kernel's, so that with `BPF_F_ZERO_SEED` the same wrong answers come
//!   out; without it the kernel draws a seed, and ours is 0.
//! - There are no keys, nothing is deleted, and nothing is listed.

use std::sync::{Mutex, PoisonError};

use super::Shape;
use super::jenkins::{hash_bytes, hash_words};
use super::ops::{BPF_ANY, MapEnv, MapOps};
use crate::isa::Size;
use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgramAccess};

/// How many hash functions a filter has that asks for none.
const DEFAULT_HASHES: u32 = 5;
/// Filters that would need more bits than this get one for each 32-bit hash.
const MOST_BITS: u32 = 1 << 31;
/// Bits of the smallest filter.
const LEAST_BITS: u32 = 64;

/// `bloom_filter`.
#[derive(Debug)]
pub struct BloomFilter {
    bits: Addr,
    mask: u32,
    hashes: u32,
    /// Held while bits are set, a word at a time.
    writer: Mutex<()>,
}

impl BloomFilter {
    pub(super) fn new(
        memory: &Memory,
        shape: &Shape,
        extra: u64,
    ) -> Result<BloomFilter, OutOfMemory> {
        let hashes = match extra as u32 & 15 {
            0 => DEFAULT_HASHES,
            wanted => wanted,
        };
        let mask = mask(shape.max_entries, hashes);
        let name = format!("bits of {}", shape.name);
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name, shape.owner.clone())
            .with_access(ProgramAccess::None);
        let bits = memory.allocate((u64::from(mask) + 1) / 8, &spec)?;
        let writer = Mutex::default();
        Ok(BloomFilter {
            bits,
            mask,
            hashes,
            writer,
        })
    }

    /// `bpf_map_push_elem`: puts a value into the set.
    pub fn push(&self, memory: &Memory, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags != BPF_ANY {
            return Err(Errno::EINVAL);
        }
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for bit in self.bits_of(value) {
            let (word, bit) = self.place(bit);
            let old = memory.peek_uint(word, Size::DW);
            old.and_then(|old| memory.poke_uint(word, Size::DW, old | bit))
                .map_err(|_| Errno::EFAULT)?;
        }
        Ok(())
    }

    /// `bpf_map_peek_elem`: whether a value may be in the set.
    pub fn peek(&self, memory: &Memory, value: &[u8]) -> Result<(), Errno> {
        for bit in self.bits_of(value) {
            let (word, bit) = self.place(bit);
            let word = memory.peek_uint(word, Size::DW);
            if word.map_err(|_| Errno::EFAULT)? & bit == 0 {
                return Err(Errno::ENOENT);
            }
        }
        Ok(())
    }

    /// The bits of a value, one for each hash function.
    fn bits_of(&self, value: &[u8]) -> impl Iterator<Item = u32> {
        let (words, rest) = value.as_chunks::<4>();
        let words: Option<Vec<u32>> = rest
            .is_empty()
            .then(|| words.iter().map(|word| u32::from_le_bytes(*word)).collect());
        (0..self.hashes).map(move |index| {
            let hash = match &words {
                Some(words) => hash_words(words, index),
                None => hash_bytes(value, index),
            };
            hash & self.mask
        })
    }

    /// The word that has a bit, and the bit in it.
    fn place(&self, bit: u32) -> (Addr, u64) {
        let word = self.bits.offset(i64::from(bit / 64) * 8);
        (word, 1 << (bit % 64))
    }
}

/// One less than the number of bits, a power of two: 7/5 of entries times hash functions, at least.
fn mask(max_entries: u32, hashes: u32) -> u32 {
    let wanted = max_entries
        .checked_mul(hashes)
        .and_then(|product| (product / 5).checked_mul(7));
    match wanted {
        Some(bits) if bits <= MOST_BITS => bits.max(LEAST_BITS).next_power_of_two() - 1,
        Some(_) | None => u32::MAX,
    }
}

impl MapOps for BloomFilter {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        _key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.push(env.memory, value, flags)
    }

    fn release(&self, memory: &Memory) {
        memory.free(self.bits);
    }
}
