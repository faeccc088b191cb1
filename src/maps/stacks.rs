//! Stack traces: each distinct stack once, under an id that is its hash.
//!
//! Rules:
//! - An id is the kernel's: the low bits of the hash of the frames. Two stacks of one id share it
//!   only by replacing each other.
//! - Programs store stacks and get ids; only the system call reads them, with zeros after the last
//!   frame. Ids are listed in rising order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::jenkins::hash_words;
use super::ops::{MapEnv, MapOps, index_of};
use crate::machine::{Errno, Memory};

/// `BPF_F_FAST_STACK_CMP`: stacks of one hash are one stack.
const FAST_COMPARE: u64 = 1 << 9;
/// `BPF_F_REUSE_STACKID`: a stack of the same id is replaced.
const REUSE: u64 = 1 << 10;

/// `stack_trace`.
#[derive(Debug)]
pub struct StackTraces {
    /// One less than the number of ids, a power of two.
    mask: u32,
    max_entries: usize,
    value_size: u32,
    stacks: Mutex<BTreeMap<u32, Stack>>,
}

#[derive(Debug)]
struct Stack {
    hash: u32,
    frames: Vec<u64>,
}

impl StackTraces {
    pub(super) fn new(shape: &Shape) -> StackTraces {
        StackTraces {
            mask: shape.max_entries.next_power_of_two().wrapping_sub(1),
            max_entries: shape.max_entries as usize,
            value_size: shape.value_size,
            stacks: Mutex::default(),
        }
    }

    /// How many frames a stack can have; more are cut off.
    pub fn depth(&self) -> usize {
        self.value_size as usize / 8
    }

    /// `bpf_get_stackid`: stores a stack, innermost frame first, and gives its id.
    pub fn store(&self, frames: &[u64], flags: u64) -> Result<u32, Errno> {
        let frames = frames.get(..self.depth()).unwrap_or(frames);
        let halves = |frame: &u64| [*frame as u32, (*frame >> 32) as u32];
        let words: Vec<u32> = frames.iter().flat_map(halves).collect();
        let hash = hash_words(&words, 0);
        let id = hash & self.mask;
        let mut stacks = self.lock();
        match stacks.get(&id) {
            Some(known) if known.hash == hash && flags & FAST_COMPARE != 0 => return Ok(id),
            Some(known) if known.hash == hash && known.frames == frames => return Ok(id),
            Some(_) if flags & REUSE == 0 => return Err(Errno::EEXIST),
            // The old one keeps its room until the new one has taken some.
            Some(_) | None if stacks.len() >= self.max_entries => return Err(Errno::ENOMEM),
            Some(_) | None => {}
        }
        let frames = frames.to_vec();
        stacks.insert(id, Stack { hash, frames });
        Ok(id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Stack>> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for StackTraces {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let id = index_of(key).ok_or(Errno::EINVAL)?;
        match self.lock().remove(&id) {
            _ if id > self.mask => Err(Errno::E2BIG),
            Some(_) => Ok(()),
            None => Err(Errno::ENOENT),
        }
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let from = match key.and_then(index_of) {
            Some(id) if id <= self.mask => id.checked_add(1)?,
            Some(_) | None => 0,
        };
        let stacks = self.lock();
        let (next, _) = stacks.range(from..).next()?;
        Some(next.to_le_bytes().to_vec())
    }

    fn lookup_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let stacks = self.lock();
        let stack = stacks.get(&index_of(key)?)?;
        let mut bytes: Vec<u8> = stack
            .frames
            .iter()
            .flat_map(|ip| ip.to_le_bytes())
            .collect();
        bytes.resize(self.value_size as usize, 0);
        Some(bytes)
    }

    fn update_user(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn release(&self, _memory: &Memory) {}
}
