//! Zero-terminated strings in guest memory.
//!
//! The byte that ends the string and none after it is read, so that a string that ends at the end
//! of its object is no fault.

use super::{Access, Addr, Fault, FaultReason, Memory};
use crate::isa::Size;

impl Memory {
    /// Reads a string of at most `max` bytes, its zero included, as a program would; without the zero.
    pub fn read_cstr(&self, addr: Addr, max: u32) -> Result<Vec<u8>, Fault> {
        self.string(addr, max, |addr| {
            self.load(addr, Size::B).map(|byte| byte as u8)
        })
    }

    /// Reads a string by `byte`, which gives the byte at an address.
    pub(super) fn string(
        &self,
        addr: Addr,
        max: u32,
        byte: impl Fn(Addr) -> Result<u8, Fault>,
    ) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        if max == 1 {
            byte(addr)?;
        }
        for i in 0..max {
            match byte(addr.offset(i64::from(i)))? {
                0 => return Ok(text),
                byte => text.push(byte),
            }
        }
        let access = (Access::Read, addr, u64::from(max));
        Err(Fault::new(
            access,
            FaultReason::Unterminated,
            self.describe(addr),
        ))
    }

    /// Reads a string by `byte`, cut after `max - 1` bytes as the kernel's `strncpy_from_*` do for
    /// `bpf_probe_read_*_str`; without the zero. They read the byte that they cut, too, so a string of one byte must be
    /// there; what lies behind an object is not known here to be missing in a kernel.
    pub(super) fn cut_string(
        &self,
        addr: Addr,
        max: u32,
        byte: impl Fn(Addr) -> Result<u8, Fault>,
    ) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        if max == 1 {
            byte(addr)?;
        }
        for i in 0..max.saturating_sub(1) {
            match byte(addr.offset(i64::from(i)))? {
                0 => break,
                byte => text.push(byte),
            }
        }
        Ok(text)
    }
}
