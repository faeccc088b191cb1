//! Longest-prefix-match maps: a key is a prefix length in bits (32 bits, host order) and an address.
//!
//! Rules:
//! - The prefixes are a tree: below a prefix lie those inside it, by their next bit. Where two part
//!   that no prefix of the map holds together, a node without a value does.
//! - Lookups take no lock; updates and deletions take the map's. Values never move.
//! - As in the kernel, an update of a prefix that is there puts a new node in the place of the old.
//!   A node out of use is reused only after the run ends: a program may hold its value's address,
//!   and a search may stand on it.
//! - Keys are listed with longer prefixes first, then by address; the kernel lists a prefix after
//!   those inside it as well, in an order that depends on its tree.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{Addr, CpuId, Errno, Grace, Limbo, Memory, Waiting};

use super::Shape;
use super::nodes::{Found, Keys, Node, Nodes};
use super::ops::{Existence, MapEnv, MapOps, check_existence, check_update_flags};
use super::prefix::{Address, HEAD};

/// Bytes of a prefix length.
const LEN: usize = 4;

/// `lpm_trie`.
#[derive(Debug)]
pub struct LpmTrie {
    shape: Shape,
    nodes: Nodes<Cell>,
    root: AtomicU64,
    /// Whether nodes wait for the end of runs.
    waiting: Waiting,
    writer: Mutex<Writer>,
}

/// What a lookup reads of a node.
#[derive(Debug, Default)]
struct Cell {
    /// The links to the nodes below, by their next bit.
    next: [AtomicU64; 2],
    /// The first 128 bits of an address in the prefix; longer ones lie in guest memory.
    head: [AtomicU64; 2],
}

/// How a node hangs below another: the node, how many bits its prefix has, and whether the prefix is
/// in the map. A lookup that has the link knows which bit is next before it has the node.
#[derive(Clone, Copy, Debug)]
struct Link(u64);

impl Link {
    const NONE: Link = Link(0);

    /// What says that the prefix is in the map.
    const PRESENT: u64 = 1 << 63;

    fn to_value(node: Node, len: u32) -> Link {
        Link(Link::to_fork(node, len).0 | Link::PRESENT)
    }

    fn to_fork(node: Node, len: u32) -> Link {
        Link(u64::from(len) << 32 | u64::from(node))
    }

    #[inline(always)]
    fn of(link: &AtomicU64) -> Link {
        Link(link.load(Ordering::Acquire))
    }

    fn store(self, link: &AtomicU64) {
        link.store(self.0, Ordering::Release);
    }

    #[inline(always)]
    fn node(self) -> Node {
        self.0 as u32
    }

    #[inline(always)]
    fn len(self) -> u32 {
        (self.0 >> 32) as u32 & !(1 << 31)
    }

    #[inline(always)]
    fn is_present(self) -> bool {
        self.0 & Link::PRESENT != 0
    }
}

/// A node of a map.
type Place<'a> = Found<'a, Cell>;

#[derive(Debug, Default)]
struct Writer {
    entries: BTreeMap<Prefix, Vec<u8>>,
    /// Nodes out of use that nobody can hold.
    free: Vec<Node>,
    /// Nodes out of use that a program may still hold.
    limbo: Limbo<Node>,
    /// Nodes that were ever in use.
    made: u32,
}

/// A prefix: its length, and the address with the bits behind it zero. It leads to the key as it was
/// given.
type Prefix = (Reverse<u32>, Vec<u8>);

impl LpmTrie {
    pub(super) fn new(shape: &Shape) -> LpmTrie {
        let keys = match shape.key_size as usize <= LEN + HEAD {
            true => Keys::Elsewhere,
            false => Keys::InMemory,
        };
        LpmTrie {
            shape: shape.clone(),
            nodes: Nodes::new(shape.clone(), keys),
            root: AtomicU64::new(0),
            waiting: Waiting::new(&shape.awaited),
            writer: Mutex::default(),
        }
    }

    /// As [`MapOps::lookup`], of a key of at most 8 bytes as a number in little-endian order; 0 stands
    /// for none.
    #[inline(always)]
    pub fn lookup_short(&self, env: &MapEnv<'_>, key: u64) -> u64 {
        let (len, address) = (key as u32, ((key >> 32) as u32).swap_bytes());
        if len > (self.shape.key_size.saturating_sub(LEN as u32)) * 8 {
            return 0;
        }
        let address = u64::from(address) << 32;
        let (mut longest, mut link) = (0, Link::of(&self.root));
        let first = self.nodes.first_cells();
        loop {
            let index = link.node().wrapping_sub(1) as usize;
            let Some(cell) = first.get(index).or_else(|| self.nodes.cell(link.node())) else {
                break;
            };
            let bits = link.len();
            let [head, _] = &cell.head;
            let other = address ^ head.load(Ordering::Relaxed);
            if bits > len || other & !(u64::MAX >> bits) != 0 {
                break;
            }
            if link.is_present() {
                longest = link.node();
            }
            if bits == len {
                break;
            }
            let [zero, one] = &cell.next;
            let next = [zero, one];
            match next.get((address << bits >> 63) as usize) {
                Some(next) => link = Link::of(next),
                None => break,
            }
        }
        let found = self.nodes.at(longest);
        let value = found.and_then(|found| self.nodes.value(&found, env.cpu));
        value.map_or(0, |addr| addr.0)
    }

    /// How many bytes a key has, if it has at most 8.
    pub fn short_key(&self) -> Option<u32> {
        Some(self.shape.key_size).filter(|size| *size <= 8)
    }

    /// The value of the longest prefix of the first `len` bits.
    fn longest(&self, env: &MapEnv<'_>, len: u32, address: &Address<'_>) -> Option<Addr> {
        if u64::from(len) > u64::from(self.shape.key_size).saturating_sub(LEN as u64) * 8 {
            return None;
        }
        let (mut longest, mut link) = (0, Link::of(&self.root));
        while let Some(place) = self.nodes.at(link.node()) {
            let bits = link.len();
            if bits > len || self.common(env.memory, &place, address, bits) < bits {
                break;
            }
            if link.is_present() {
                longest = place.node;
            }
            match place.cell.next.get(address.bit(bits)) {
                Some(next) if bits < len => link = Link::of(next),
                Some(_) | None => break,
            }
        }
        self.nodes.value(&self.nodes.at(longest)?, env.cpu)
    }

    /// How many bits at the start an address and a node's have in common, at most so many.
    #[inline(always)]
    fn common(&self, memory: &Memory, place: &Place<'_>, address: &Address<'_>, most: u32) -> u32 {
        let [high, low] = &place.cell.head;
        let head = [high.load(Ordering::Relaxed), low.load(Ordering::Relaxed)];
        match most as usize <= HEAD * 8 {
            true => address.common(&Address { head, rest: &[] }, most),
            false => self.common_of_long(memory, place, (head, address), most),
        }
    }

    #[inline(never)]
    fn common_of_long(
        &self,
        memory: &Memory,
        place: &Place<'_>,
        (head, address): ([u64; 2], &Address<'_>),
        most: u32,
    ) -> u32 {
        let rest = self.rest(memory, place);
        address.common(&Address { head, rest: &rest }, most)
    }

    /// What is behind the first 128 bits of a node's address.
    fn rest(&self, memory: &Memory, place: &Place<'_>) -> Vec<u8> {
        let key = self.nodes.key(place);
        let len = self.shape.key_size.saturating_sub((LEN + HEAD) as u32);
        let rest = key.map(|key| memory.peek_vec(key.offset((LEN + HEAD) as i64), len));
        rest.and_then(Result::ok).unwrap_or_default()
    }

    /// Prefix length and address of a key, if the length is not too long.
    fn split<'a>(&self, key: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let (len, address) = key.split_first_chunk::<LEN>()?;
        let len = u32::from_le_bytes(*len);
        (u64::from(len) <= address.len() as u64 * 8).then_some((len, address))
    }

    fn prefix(&self, key: &[u8]) -> Result<Prefix, Errno> {
        let (len, address) = self.split(key).ok_or(Errno::EINVAL)?;
        Ok((Reverse(len), masked(address, len)))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link to the node of a prefix, or to where it belongs; and the link to the node above.
    fn way(
        &self,
        memory: &Memory,
        len: u32,
        address: &Address<'_>,
    ) -> (&AtomicU64, Option<&AtomicU64>) {
        let (mut at, mut above) = (&self.root, None);
        loop {
            let link = Link::of(at);
            let Some(place) = self.nodes.at(link.node()) else {
                break;
            };
            let bits = link.len();
            let inside = bits < len && self.common(memory, &place, address, bits) == bits;
            match place.cell.next.get(address.bit(bits)) {
                Some(next) if inside => (at, above) = (next, Some(at)),
                Some(_) | None => break,
            }
        }
        (at, above)
    }

    /// Puts a node with a value where its prefix belongs.
    fn put(
        &self,
        writer: &mut Writer,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Errno> {
        let (len, bytes) = self.split(key).ok_or(Errno::EINVAL)?;
        let address = Address::of(bytes);
        let made = self.make(writer, env.memory, key)?;
        let addr = self.nodes.value(&made, CpuId(0)).ok_or(Errno::EINVAL)?;
        if let Err(errno) = super::copy_value(env.memory, addr, value, self.shape.value_size) {
            writer.free.push(made.node);
            return Err(errno);
        }
        let new = Link::to_value(made.node, len);
        let (at, _) = self.way(env.memory, len, &address);
        let link = Link::of(at);
        let Some(old) = self.nodes.at(link.node()) else {
            new.store(at);
            return Ok(());
        };
        let bits = link.len();
        let common = self.common(env.memory, &old, &address, bits.min(len));
        if common == bits {
            // It is the same prefix: a shorter one would have been passed.
            for (to, from) in made.cell.next.iter().zip(&old.cell.next) {
                Link::of(from).store(to);
            }
            new.store(at);
            self.retire(writer, old.node);
        } else if common == len {
            self.hang((&made, len), link, env.memory);
            new.store(at);
        } else {
            let fork = match self.make(writer, env.memory, key) {
                Ok(fork) => fork,
                Err(errno) => {
                    writer.free.push(made.node);
                    return Err(errno);
                }
            };
            self.hang((&fork, common), new, env.memory);
            self.hang((&fork, common), link, env.memory);
            Link::to_fork(fork.node, common).store(at);
        }
        Ok(())
    }

    /// Hangs a node below another of so many bits that is not in the tree yet.
    fn hang(&self, (above, bits): (&Place<'_>, u32), link: Link, memory: &Memory) {
        let Some(below) = self.nodes.at(link.node()) else {
            return;
        };
        let rest = match bits as usize >= HEAD * 8 {
            true => self.rest(memory, &below),
            false => Vec::new(),
        };
        let [high, low] = &below.cell.head;
        let address = Address {
            head: [high.load(Ordering::Relaxed), low.load(Ordering::Relaxed)],
            rest: &rest,
        };
        if let Some(next) = above.cell.next.get(address.bit(bits)) {
            link.store(next);
        }
    }

    /// A node with the address of a key, and nothing below.
    fn make(&self, writer: &mut Writer, memory: &Memory, key: &[u8]) -> Result<Place<'_>, Errno> {
        let (_, bytes) = self.split(key).ok_or(Errno::EINVAL)?;
        let node = match writer.free.pop() {
            Some(node) => node,
            None => {
                let next = writer.made.checked_add(1).ok_or(Errno::ENOMEM)?;
                let ready = self.nodes.ensure(memory, next);
                ready.map_err(|_| Errno::ENOMEM)?;
                writer.made = next;
                next
            }
        };
        let place = self.nodes.at(node).ok_or(Errno::ENOMEM)?;
        for next in &place.cell.next {
            Link::NONE.store(next);
        }
        for (to, from) in place.cell.head.iter().zip(Address::of(bytes).head) {
            to.store(from, Ordering::Relaxed);
        }
        if let Some(addr) = self.nodes.key(&place) {
            memory.poke(addr, key).map_err(|_| Errno::EFAULT)?;
        }
        Ok(place)
    }

    /// Takes the node of a prefix out, and the fork above it if that has nothing left to part.
    fn take_out(&self, writer: &mut Writer, memory: &Memory, len: u32, address: &Address<'_>) {
        let (at, above) = self.way(memory, len, address);
        let Some(place) = self.nodes.at(Link::of(at).node()) else {
            return;
        };
        let [left, right] = &place.cell.next;
        match (Link::of(left), Link::of(right)) {
            (Link(0), Link(0)) => {
                Link::NONE.store(at);
                self.close_up(writer, above);
            }
            (Link(0), only) | (only, Link(0)) => only.store(at),
            (_, _) => return Link::to_fork(place.node, len).store(at),
        }
        self.retire(writer, place.node);
    }

    /// Takes a node out that has one below it and no value.
    fn close_up(&self, writer: &mut Writer, at: Option<&AtomicU64>) {
        let place = at.and_then(|at| Some((at, Link::of(at), self.nodes.at(Link::of(at).node())?)));
        let Some((at, link, place)) = place else {
            return;
        };
        let [left, right] = &place.cell.next;
        let below = (Link::of(left), Link::of(right));
        let ((Link(0), only) | (only, Link(0))) = below else {
            return;
        };
        if !link.is_present() {
            only.store(at);
            self.retire(writer, place.node);
        }
    }

    /// Keeps a node that is not in the tree any more until nobody can hold it.
    fn retire(&self, writer: &mut Writer, node: Node) {
        writer.limbo.push(node);
        self.waiting.note();
    }

    fn find(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        let (len, address) = self.split(key)?;
        self.longest(env, len, &Address::of(address))
    }
}

impl MapOps for LpmTrie {
    fn lookup(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.find(env, key)
    }

    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        check_update_flags(flags)?;
        let prefix = self.prefix(key)?;
        let mut writer = self.lock();
        let existence = match writer.entries.contains_key(&prefix) {
            true => Existence::Present,
            false => Existence::Absent,
        };
        check_existence(flags, existence)?;
        let full = writer.entries.len() as u64 >= u64::from(self.shape.max_entries);
        if full && existence == Existence::Absent {
            return Err(Errno::ENOSPC);
        }
        self.put(&mut writer, env, key, value)?;
        writer.entries.insert(prefix, key.to_vec());
        Ok(())
    }

    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let prefix = self.prefix(key)?;
        let mut writer = self.lock();
        writer.entries.remove(&prefix).ok_or(Errno::ENOENT)?;
        let (Reverse(len), address) = &prefix;
        self.take_out(&mut writer, env.memory, *len, &Address::of(address));
        Ok(())
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let writer = self.lock();
        let prefix = key.and_then(|key| self.prefix(key).ok());
        let known = prefix.filter(|prefix| writer.entries.contains_key(prefix));
        let next = match known {
            Some(prefix) => {
                use std::ops::Bound::{Excluded, Unbounded};
                writer.entries.range((Excluded(prefix), Unbounded)).next()
            }
            None => writer.entries.iter().next(),
        };
        next.map(|(_, key)| key.clone())
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        // Nodes are reused under the lock only.
        let _writer = self.lock();
        env.memory
            .peek_vec(self.find(env, key)?, self.shape.value_size)
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

    fn end_of_run(&self, _memory: &Memory, grace: &Grace) {
        if !self.waiting.is_noted() {
            return;
        }
        let mut writer = self.lock();
        let Writer { free, limbo, .. } = &mut *writer;
        free.extend(limbo.settle(grace));
        self.waiting.note_left(limbo);
    }

    fn release(&self, memory: &Memory) {
        self.nodes.release(memory);
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
