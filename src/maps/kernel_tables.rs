//! Maps that are more to the kernel than to programs: structures of functions.
//!
//! What runs such a function is no map's concern.
//!
//! Rules:
//! - A structure of functions has one value, the object's with nothing where functions are.

use super::Shape;
use super::ops::{MapEnv, MapOps, index_of, next_index};
use crate::machine::{Errno, Memory};
use crate::object::Initial;

/// `struct_ops`.
#[derive(Debug)]
pub struct StructOpsMap {
    value: Vec<u8>,
}

impl StructOpsMap {
    pub(super) fn new(shape: &Shape, initial: &Initial) -> StructOpsMap {
        let mut value = match initial {
            Initial::StructOps(table) => table.data.clone(),
            Initial::Empty | Initial::Data(_) | Initial::Maps(_) | Initial::Programs(_) => {
                Vec::new()
            }
        };
        value.resize(shape.value_size as usize, 0);
        StructOpsMap { value }
    }
}

impl MapOps for StructOpsMap {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        next_index(key, 1)
    }

    fn lookup_user(&self, _env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        (index_of(key) == Some(0)).then(|| self.value.clone())
    }

    /// It is in use from the start, as if libbpf had attached it.
    fn update_user(&self, _: &MapEnv<'_>, key: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        match index_of(key) {
            Some(0) => Err(Errno::EBUSY),
            Some(_) | None => Err(Errno::E2BIG),
        }
    }

    fn release(&self, _memory: &Memory) {}
}
