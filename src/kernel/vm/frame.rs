//! The messages between host and guest: a length, a kind, and bytes.
//!
//! What the bytes mean is not known here.
//!
//! Rules:
//! - The length is 32 bits, little-endian, and counts the bytes after the kind.
//! - A length above [`LIMIT`] is refused before memory is taken for it.
//! - The end of the stream between two messages is no error, within one it is.

use std::io::{self, Read, Write};

/// The most bytes of a message: far more than maps and logs of a job take.
pub(super) const LIMIT: usize = 256 << 20;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// The guest is ready; which kernel it is.
    Hello = 1,
    /// A job for the guest.
    Job = 2,
    /// What came of it.
    Result = 3,
    /// Why the guest cannot do it, as text.
    Failure = 4,
    /// Asks for the BTF of the guest's kernel, which is the result.
    Btf = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::{Btf, Failure, Hello, Job, Result};
        [Hello, Job, Result, Failure, Btf]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Writes a message.
pub(super) fn write(stream: &mut impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= LIMIT)
        .ok_or_else(|| invalid(format!("a message of {} bytes", bytes.len())))?;
    let mut header = [0; 5];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4] = kind as u8;
    stream.write_all(&header)?;
    stream.write_all(bytes)?;
    stream.flush()
}

/// Reads a message, or `None` at the end of the stream.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<(Kind, Vec<u8>)>> {
    let Some(first) = first_byte(stream)? else {
        return Ok(None);
    };
    let mut rest = [0; 4];
    stream.read_exact(&mut rest)?;
    let [b1, b2, b3, kind] = rest;
    let length = u32::from_le_bytes([first, b1, b2, b3]);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= LIMIT)
        .ok_or_else(|| invalid(format!("a message of {length} bytes")))?;
    let kind = Kind::from_byte(kind).ok_or_else(|| invalid(format!("a message of kind {kind}")))?;
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(Some((kind, bytes)))
}

fn first_byte(stream: &mut impl Read) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match stream.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_order_and_then_the_end() {
        let mut wire = Vec::new();
        write(&mut wire, Kind::Hello, b"").unwrap();
        write(&mut wire, Kind::Job, &[7; 70_000]).unwrap();
        let mut stream = wire.as_slice();
        assert_eq!(read(&mut stream).unwrap(), Some((Kind::Hello, Vec::new())));
        assert_eq!(
            read(&mut stream).unwrap(),
            Some((Kind::Job, vec![7; 70_000]))
        );
        assert_eq!(read(&mut stream).unwrap(), None);
    }

    #[test]
    fn message_cut_anywhere_is_an_unexpected_end() {
        let mut wire = Vec::new();
        write(&mut wire, Kind::Result, b"abc").unwrap();
        for end in 1..wire.len() {
            let error = read(&mut &wire[..end]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
    }

    #[test]
    fn huge_length_and_unknown_kind_are_refused() {
        let huge = read(&mut [0xff, 0xff, 0xff, 0xff, 1].as_slice()).unwrap_err();
        assert_eq!(huge.to_string(), "a message of 4294967295 bytes");
        let unknown = read(&mut [0, 0, 0, 0, 9].as_slice()).unwrap_err();
        assert_eq!(unknown.to_string(), "a message of kind 9");
    }
}
