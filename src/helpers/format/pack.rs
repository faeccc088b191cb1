//! Arguments as they are copied before anything is printed: one after the other, in 512 bytes.
//!
//! Rules (as Linux 6.18 answers):
//! - Integers and pointers begin at multiples of four. What finds no room ends the call with `ENOSPC`.
//! - Strings are cut to the room there is, and end with a zero; one that cannot be read is empty.
//! - An address is copied as its text, for which there need only be room for the address itself. The
//!   text is cut, too, but counts in full: the kernel then takes itself to be past the end of the
//!   buffer, where numbers always have room and strings none.

use crate::machine::Errno;

use super::parse::{Conversion, Length};
use super::{Source, Space};

/// Bytes for all arguments of a call together (`MAX_BPRINTF_BIN_ARGS`).
const ROOM: usize = 512;

/// The arguments of one call.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
}

impl Packed {
    /// Adds an argument.
    pub(super) fn push(
        &mut self,
        conversion: Conversion,
        arg: u64,
        source: &dyn Source,
    ) -> Result<(), Errno> {
        match conversion {
            Conversion::Character => self.character(arg as u8),
            Conversion::String => self.string(source.string(arg, Space::Either)),
            Conversion::Copied(space) => self.string(source.string(arg, space)),
            Conversion::Integer(_, Length::Int) => self.number(&(arg as u32).to_le_bytes()),
            Conversion::Integer(_, Length::Long) | Conversion::Pointer(_) | Conversion::Symbol => {
                self.number(&arg.to_le_bytes())
            }
            Conversion::Ipv4(kind) => {
                let bytes = read(source, arg);
                self.address(bytes.len(), &ipv4(kind, bytes))
            }
            Conversion::Ipv6(kind) => {
                let bytes: [u8; 16] = read(source, arg);
                self.address(bytes.len(), &ipv6(kind, bytes))
            }
        }
    }

    /// The bytes from `at` on.
    pub(super) fn from(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// As the kernel compares: past the end, all the room there is is left.
    fn check(&self, bytes: usize) -> Result<(), Errno> {
        match ROOM.checked_sub(self.bytes.len()) {
            Some(left) if left < bytes => Err(Errno::ENOSPC),
            Some(_) | None => Ok(()),
        }
    }

    fn left(&self) -> usize {
        ROOM.saturating_sub(self.bytes.len())
    }

    fn number(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.bytes.resize(aligned(self.bytes.len()), 0);
        self.check(bytes.len())?;
        self.bytes.extend(bytes);
        Ok(())
    }

    fn character(&mut self, byte: u8) -> Result<(), Errno> {
        self.check(1)?;
        self.bytes.push(byte);
        Ok(())
    }

    fn string(&mut self, text: Option<Vec<u8>>) -> Result<(), Errno> {
        self.check(1)?;
        let Some(kept) = self.left().checked_sub(1) else {
            return Ok(());
        };
        let mut text = text.unwrap_or_default();
        text.truncate(kept);
        text.push(0);
        self.bytes.append(&mut text);
        Ok(())
    }

    fn address(&mut self, needed: usize, text: &str) -> Result<(), Errno> {
        self.check(needed)?;
        let kept = self.left().saturating_sub(1).min(text.len());
        let end = self.bytes.len() + text.len() + 1;
        self.bytes.extend(text.bytes().take(kept));
        self.bytes.resize(end, 0);
        Ok(())
    }
}

/// Where the next number after `at` begins.
pub(super) fn aligned(at: usize) -> usize {
    at.next_multiple_of(4)
}

fn read<const N: usize>(source: &dyn Source, addr: u64) -> [u8; N] {
    let mut bytes = [0; N];
    match source.bytes(addr, &mut bytes) {
        Some(()) => bytes,
        None => [0; N],
    }
}

fn ipv4(kind: u8, [a, b, c, d]: [u8; 4]) -> String {
    match kind {
        b'I' => format!("{a}.{b}.{c}.{d}"),
        _ => format!("{a:03}.{b:03}.{c:03}.{d:03}"),
    }
}

fn ipv6(kind: u8, bytes: [u8; 16]) -> String {
    let groups = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| format!("{high:02x}{low:02x}"));
    let groups: Vec<String> = groups.collect();
    groups.join(if kind == b'I' { ":" } else { "" })
}
