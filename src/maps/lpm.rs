//! Longest-prefix-match maps: a key is a prefix length in bits (32 bits, host order) and an address.
//!
//! Keys are listed with longer prefixes first, then by address; the kernel lists a prefix after
//! those inside it as well, in an order that depends on its tree.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec};

use super::Shape;
use super::bits::BitTree;
use super::ops::{Existence, MapEnv, MapOps, check_existence, check_update_flags};

/// A tree of so many nodes is not worth being built anew.
const SMALL_TREE: usize = 1024;

/// `lpm_trie`.
#[derive(Debug)]
pub struct LpmTrie {
    shape: Shape,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<Prefix, Entry>,
    /// The same, for lookups.
    tree: BitTree,
    /// Values out of use that a program may still hold.
    limbo: Vec<Addr>,
}

/// A prefix: its length, and the address with the bits behind it zero.
type Prefix = (Reverse<u32>, Vec<u8>);

#[derive(Debug)]
struct Entry {
    /// The key as it was given, bits behind the prefix included.
    key: Vec<u8>,
    value: Addr,
}

impl Inner {
    /// Builds the tree anew when most of its nodes lead to nothing any more.
    fn thin_out(&mut self, bits: usize) {
        if self.tree.len() <= SMALL_TREE + 2 * bits * self.entries.len() {
            return;
        }
        self.tree = BitTree::default();
        for ((Reverse(len), address), entry) in &self.entries {
            self.tree.set(address, *len, entry.value);
        }
    }
}

impl LpmTrie {
    pub(super) fn new(shape: &Shape) -> LpmTrie {
        LpmTrie {
            shape: shape.clone(),
            inner: Mutex::default(),
        }
    }

    fn find(&self, inner: &Inner, key: &[u8]) -> Option<Addr> {
        let (len, address) = self.split(key)?;
        inner.tree.longest(address, len)
    }

    /// Prefix length and address of a key, if the length is not too long.
    fn split<'a>(&self, key: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (len, address) = key.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len);
        (u64::from(len) <= address.len() as u64 * 8).then_some((len, address))
    }

    fn prefix(&self, key: &[u8]) -> Result<Prefix, Errno> {
        let (len, address) = self.split(key).ok_or(Errno::EINVAL)?;
        Ok((Reverse(len), masked(address, len)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for LpmTrie {
    fn lookup(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.find(&self.lock(), key)
    }

    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        check_update_flags(flags)?;
        let prefix = self.prefix(key)?;
        let mut inner = self.lock();
        let existence = match inner.entries.contains_key(&prefix) {
            true => Existence::Present,
            false => Existence::Absent,
        };
        check_existence(flags, existence)?;
        let full = inner.entries.len() as u64 >= u64::from(self.shape.max_entries);
        if full && existence == Existence::Absent {
            return Err(Errno::ENOSPC);
        }
        let (name, owner) = (self.shape.name.clone(), self.shape.owner.clone());
        let spec =
            ObjectSpec::new(ObjectKind::MapValue, name, owner).with_access(self.shape.access);
        let size = self.shape.value_size;
        let addr = env
            .memory
            .allocate(u64::from(size), &spec)
            .map_err(|_| Errno::ENOMEM)?;
        if let Err(errno) = super::copy_value(env.memory, addr, value, size) {
            env.memory.free(addr);
            return Err(errno);
        }
        let (Reverse(len), address) = &prefix;
        inner.tree.set(address, *len, addr);
        let old = inner.entries.insert(
            prefix,
            Entry {
                key: key.to_vec(),
                value: addr,
            },
        );
        inner.limbo.extend(old.map(|entry| entry.value));
        Ok(())
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let prefix = self.prefix(key)?;
        let mut inner = self.lock();
        let entry = inner.entries.remove(&prefix).ok_or(Errno::ENOENT)?;
        inner.limbo.push(entry.value);
        let (Reverse(len), address) = &prefix;
        inner.tree.set(address, *len, Addr::NULL);
        inner.thin_out(address.len() * 8);
        Ok(())
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let inner = self.lock();
        let prefix = key.and_then(|key| self.prefix(key).ok());
        let known = prefix.filter(|prefix| inner.entries.contains_key(prefix));
        let next = match known {
            Some(prefix) => {
                use std::ops::Bound::{Excluded, Unbounded};
                inner.entries.range((Excluded(prefix), Unbounded)).next()
            }
            None => inner.entries.iter().next(),
        };
        next.map(|(_, entry)| entry.key.clone())
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        env.memory
            .peek_vec(self.lookup(env, key)?, self.shape.value_size)
            .ok()
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.update(env, key, value, flags)
    }

    fn end_of_run(&self, env: &MapEnv<'_>) {
        self.lock()
            .limbo
            .drain(..)
            .for_each(|addr| env.memory.free(addr));
    }

    fn release(&self, memory: &Memory) {
        let mut inner = self.lock();
        inner.limbo.drain(..).for_each(|addr| memory.free(addr));
        inner
            .entries
            .values()
            .for_each(|entry| memory.free(entry.value));
    }
}

/// The address with all bits behind the first `len` zero.
fn masked(address: &[u8], len: u32) -> Vec<u8> {
    let masked = (0u32..).zip(address).map(|(i, byte)| {
        let kept = len.saturating_sub(i * 8).min(8);
        byte & !(0xff_u16 >> kept) as u8
    });
    masked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_keeps_the_first_bits_only() {
        assert_eq!(masked(&[0xff, 0xff, 0xff], 11), [0xff, 0xe0, 0]);
        assert_eq!(masked(&[0xff, 0xff], 16), [0xff, 0xff]);
        assert_eq!(masked(&[0xff], 0), [0]);
    }
}
