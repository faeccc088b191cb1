//! Which objects of the modelled kernel local storage hangs on, and who they are.
//!
//! A structure in guest memory is laid out anew for each event; the task, file, socket or cgroup
//! that it stands for stays the same, and so does what hangs on it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Addr;

/// What kind of object something hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// A thread; its number is its pid.
    Task,
    /// A file's inode; its number is the inode's.
    Inode,
    /// A cgroup; its number is its id.
    Cgroup,
    /// A socket; its number is the one that the scene gave it.
    Socket,
}

/// An object that something hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Its kind.
    pub kind: HolderKind,
    /// Which one.
    pub number: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            HolderKind::Task => "task",
            HolderKind::Inode => "inode",
            HolderKind::Cgroup => "cgroup",
            HolderKind::Socket => "socket",
        };
        write!(f, "{kind} {}", self.number)
    }
}

/// The structures that are in guest memory now, and what each stands for.
#[derive(Debug, Default)]
pub struct HolderTable {
    holders: Mutex<BTreeMap<Addr, Holder>>,
    made: AtomicU64,
}

impl HolderTable {
    /// Says what the structure at an address stands for.
    pub fn insert(&self, at: Addr, holder: Holder) {
        self.lock().insert(at, holder);
    }

    /// The structure at an address is gone.
    pub fn remove(&self, at: Addr) {
        self.lock().remove(&at);
    }

    /// What the structure at an address stands for.
    pub fn get(&self, at: Addr) -> Option<Holder> {
        self.lock().get(&at).copied()
    }

    /// Where the structure is that stands for a holder, the lowest if there are several.
    pub fn find(&self, holder: Holder) -> Option<Addr> {
        let holders = self.lock();
        let mut found = holders.iter().filter(|(_, known)| **known == holder);
        found.next().map(|(at, _)| *at)
    }

    /// A number that no other holder has: they begin where those of pids, paths and flows end.
    pub fn fresh(&self) -> u64 {
        (1 << 32) + self.made.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Addr, Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_stands_for_its_holder_until_it_is_gone() {
        let table = HolderTable::default();
        let holder = Holder {
            kind: HolderKind::Task,
            number: 7,
        };
        table.insert(Addr(64), holder);
        assert_eq!(table.get(Addr(64)), Some(holder));
        assert_eq!(table.get(Addr(72)), None);
        assert_eq!(table.find(holder), Some(Addr(64)));
        table.remove(Addr(64));
        assert_eq!(table.get(Addr(64)), None);
        assert_eq!(holder.to_string(), "task 7");
        assert_ne!(table.fresh(), table.fresh());
    }
}
