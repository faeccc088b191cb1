//! What iterators write for their readers (`struct seq_file`), by the file's place in guest memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Addr, Errno};

/// The most that one reading gives.
const CAPACITY: usize = 16 << 20;

/// What was written and not yet read.
#[derive(Debug, Default)]
pub struct Sequences {
    files: Mutex<BTreeMap<Addr, Vec<u8>>>,
}

impl Sequences {
    /// Writes behind what a file has.
    ///
    /// # Errors
    /// It would be too much (`EOVERFLOW`).
    pub fn write(&self, file: Addr, bytes: &[u8]) -> Result<(), Errno> {
        let mut files = self.lock();
        let text = files.entry(file).or_default();
        if text.len() + bytes.len() > CAPACITY {
            return Err(Errno::EOVERFLOW);
        }
        text.extend(bytes);
        Ok(())
    }

    /// Takes what a file has.
    pub fn take(&self, file: Addr) -> Vec<u8> {
        self.lock().remove(&file).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Addr, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
