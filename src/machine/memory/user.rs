//! Accesses across the border between kernel and user space, and the kernel's fault-tolerant reads.
//!
//! `copy_from_user` and its kin reach user memory and nothing else, `probe_read` and its kin
//! everything else: what faults here is `-EFAULT` to a program, not the end of its run.

use super::{Access, Addr, Fault, FaultReason, Memory, ObjectKind, bytes};

impl Memory {
    /// Reads user memory.
    pub fn copy_from_user(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check_user(addr, buf.len() as u64, Access::Read)?;
        self.peek(addr, buf)
    }

    /// Writes user memory.
    pub fn copy_to_user(&self, addr: Addr, buf: &[u8]) -> Result<(), Fault> {
        self.check_user(addr, buf.len() as u64, Access::Write)?;
        self.poke(addr, buf)
    }

    /// Reads a string in user memory, cut after `max - 1` bytes; without its zero.
    pub fn copy_user_str(&self, addr: Addr, max: u32) -> Result<Vec<u8>, Fault> {
        self.cut_string(addr, max, |addr| {
            let mut byte = [0];
            self.copy_from_user(addr, &mut byte)?;
            Ok(byte[0])
        })
    }

    /// Reads any memory of the kernel, whatever programs may do with it.
    pub fn probe_read(&self, addr: Addr, buf: &mut [u8]) -> Result<(), Fault> {
        self.check_kernel(addr, buf.len() as u64)?;
        // SAFETY: the bytes lie in a live object, whose block is committed.
        unsafe { bytes::copy_out(addr.0, buf) };
        Ok(())
    }

    /// Reads a string in any memory of the kernel, cut after `max - 1` bytes; without its zero.
    pub fn probe_read_str(&self, addr: Addr, max: u32) -> Result<Vec<u8>, Fault> {
        self.cut_string(addr, max, |addr| {
            let mut byte = [0];
            self.probe_read(addr, &mut byte)?;
            Ok(byte[0])
        })
    }

    fn check_user(&self, addr: Addr, len: u64, access: Access) -> Result<(), Fault> {
        self.check_own(addr, len, access)?;
        match self.kind_at(addr) {
            ObjectKind::UserMemory => Ok(()),
            _ => self.refuse(addr, len, access, FaultReason::NotUserMemory),
        }
    }

    fn check_kernel(&self, addr: Addr, len: u64) -> Result<(), Fault> {
        self.check_own(addr, len, Access::Read)?;
        match self.kind_at(addr) {
            ObjectKind::UserMemory => self.refuse(addr, len, Access::Read, FaultReason::UserMemory),
            _ => Ok(()),
        }
    }

    fn kind_at(&self, addr: Addr) -> ObjectKind {
        self.tables.row(self.id_at(addr)).kind()
    }

    fn refuse(&self, addr: Addr, len: u64, access: Access, why: FaultReason) -> Result<(), Fault> {
        Err(Fault::new((access, addr, len), why, self.describe(addr)))
    }
}
