//! Descriptors that programs have open: of maps and of types.
//!
//! They are the machine's, not a task's: only programs that user space runs open some.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Errno, MapId};

/// The first number that is given: those before are a process's standard streams.
const FIRST: u32 = 3;

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// A map.
    Map(MapId),
    /// Type information, of which nothing is asked but that it is well-formed.
    Types,
}

/// Open descriptors.
#[derive(Debug, Default)]
pub struct Descriptors {
    open: Mutex<BTreeMap<u32, Described>>,
}

impl Descriptors {
    /// Opens one: the lowest number that is free.
    pub fn open(&self, what: Described) -> u32 {
        let mut open = self.lock();
        let free = (FIRST..u32::MAX).find(|number| !open.contains_key(number));
        let number = free.unwrap_or(u32::MAX);
        open.insert(number, what);
        number
    }

    /// What a descriptor stands for.
    pub fn get(&self, number: u32) -> Option<Described> {
        self.lock().get(&number).copied()
    }

    /// Closes one.
    ///
    /// # Errors
    /// It is not open (`EBADF`).
    pub fn close(&self, number: u32) -> Result<(), Errno> {
        let closed = self.lock().remove(&number);
        closed.map(drop).ok_or(Errno::EBADF)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Described>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_is_the_lowest_that_is_free() {
        let descriptors = Descriptors::default();
        let open = |id| descriptors.open(Described::Map(MapId(id)));
        assert_eq!([open(1), open(2)], [3, 4]);
        assert_eq!(descriptors.close(3), Ok(()));
        assert_eq!(descriptors.close(3), Err(Errno::EBADF));
        assert_eq!(open(5), 3);
        assert_eq!(descriptors.get(3), Some(Described::Map(MapId(5))));
    }
}
