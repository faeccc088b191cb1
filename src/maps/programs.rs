//! Program arrays: programs by index, for tail calls.
//!
//! A tail call compares 32 bits of its index with how many programs there are. Of a map that was made without
//! `CAP_PERFMON` it compares all 64: Linux masks the index there, so that no processor calls beyond the array in speculation.

use crate::abi::privilege::{Capabilities, Capability};
use crate::isa::{Size, Width};
use crate::machine::{
    Addr, Errno, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgId, ProgramAccess,
};

use super::Shape;
use super::ops::{BPF_ANY, MapEnv, MapOps, index_of, next_index};

/// `prog_array`.
#[derive(Debug)]
pub struct ProgArray {
    /// The programs' ids, 4 bytes each; 0 where there is none.
    table: Addr,
    count: u32,
    index_width: Width,
}

impl ProgArray {
    /// An array; `maker` is what who makes it may do.
    pub(super) fn new(
        memory: &Memory,
        shape: &Shape,
        maker: Capabilities,
    ) -> Result<ProgArray, OutOfMemory> {
        let name = format!("programs of {}", shape.name);
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name, shape.owner.clone())
            .with_access(ProgramAccess::None);
        let table = memory.allocate(u64::from(shape.max_entries) * 4, &spec)?;
        Ok(ProgArray {
            table,
            count: shape.max_entries,
            index_width: match maker.has(Capability::Perfmon) {
                true => Width::W32,
                false => Width::W64,
            },
        })
    }

    /// Where the programs' ids lie, 4 bytes each; 0 where there is none.
    pub fn table(&self) -> Addr {
        self.table
    }

    /// How many places there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How much of a tail call's index counts.
    pub fn index_width(&self) -> Width {
        self.index_width
    }

    /// The program that a tail call with that in its register leads to.
    pub fn called(&self, memory: &Memory, index: u64) -> Option<ProgId> {
        let index = match self.index_width {
            Width::W32 => index as u32,
            Width::W64 => u32::try_from(index).ok()?,
        };
        self.get(memory, index)
    }

    /// The program at an index.
    pub fn get(&self, memory: &Memory, index: u32) -> Option<ProgId> {
        let id = memory.peek_uint(self.entry(index)?, Size::W).ok()?;
        u32::try_from(id).ok().filter(|id| *id != 0).map(ProgId)
    }

    /// Puts a program at an index, or takes the one there away.
    pub fn set(&self, memory: &Memory, index: u32, prog: Option<ProgId>) -> Result<(), Errno> {
        let entry = self.entry(index).ok_or(Errno::E2BIG)?;
        let id = u64::from(prog.map_or(0, |prog| prog.0));
        memory
            .poke_uint(entry, Size::W, id)
            .map_err(|_| Errno::EFAULT)
    }

    fn entry(&self, index: u32) -> Option<Addr> {
        (index < self.count).then(|| self.table.offset(i64::from(index) * 4))
    }
}

impl MapOps for ProgArray {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        self.entry(index).ok_or(Errno::E2BIG)?;
        self.get(env.memory, index).ok_or(Errno::ENOENT)?;
        self.set(env.memory, index, None)
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        next_index(key, self.count)
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let prog = self.get(env.memory, index_of(key)?)?;
        Some(prog.0.to_le_bytes().to_vec())
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        let id = value
            .try_into()
            .map(u32::from_le_bytes)
            .map_err(|_| Errno::EINVAL)?;
        match id {
            _ if flags != BPF_ANY => Err(Errno::EINVAL),
            _ if index >= self.count => Err(Errno::E2BIG),
            0 => Err(Errno::EBADF),
            id => self.set(env.memory, index, Some(ProgId(id))),
        }
    }

    fn release(&self, memory: &Memory) {
        memory.free(self.table);
    }
}
