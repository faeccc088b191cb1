//! The end of what a guest, or qemu itself, said.
//!
//! It interprets nothing but the sentences by which a kernel announces its end.
//!
//! Rules:
//! - However much is said, at most [`LIMIT`] bytes are kept, and whoever speaks never has to wait.
//! - What is shown has no control characters: a guest does not drive the user's terminal.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

/// How many bytes are kept.
const LIMIT: usize = 64 << 10;
/// How many lines an error shows.
const SHOWN: usize = 25;
const PANIC: &str = "Kernel panic - not syncing: ";

/// The last bytes of a stream, shared with the thread that reads it.
#[derive(Debug, Default)]
pub(super) struct Ring(Mutex<VecDeque<u8>>);

impl Ring {
    /// Reads until the stream ends.
    pub(super) fn drain(&self, mut stream: impl Read) {
        let mut buffer = [0; 16 << 10];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => self.push(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn push(&self, bytes: &[u8]) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.extend(bytes);
        let excess = ring.len().saturating_sub(LIMIT);
        ring.drain(..excess);
    }

    /// What is kept by now.
    pub(super) fn console(&self) -> Console {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = ring.iter().copied().collect();
        drop(ring);
        Console(printable(&String::from_utf8_lossy(&bytes)))
    }
}

/// Text without what would drive a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|&c| c == '\n' || c == '\t' || !c.is_control())
        .collect()
}

/// The end of what was said, at most 64 KiB of it.
///
/// As part of an error it shows as the last lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console(String);

impl Console {
    /// The whole text that was kept.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Why the kernel says that it panicked.
    pub(super) fn panic(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once(PANIC)?;
        rest.lines().next().map(str::trim)
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self
            .0
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() {
            return f.write_str(", and its console is empty");
        }
        f.write_str("; the end of its console:")?;
        let skipped = lines.len().saturating_sub(SHOWN);
        for line in lines.iter().skip(skipped) {
            write!(f, "\n  | {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(text: &str) -> Console {
        let ring = Ring::default();
        ring.drain(text.as_bytes());
        ring.console()
    }

    #[test]
    fn stream_of_a_gigabyte_leaves_its_last_bytes_in_bounded_memory() {
        let ring = Ring::default();
        ring.drain(std::io::repeat(b'x').take(1 << 30));
        ring.drain("the end".as_bytes());
        let capacity = ring.0.lock().unwrap().capacity();
        assert!(capacity <= 4 * LIMIT, "{capacity}");
        let console = ring.console();
        assert_eq!(console.text().len(), LIMIT);
        assert!(console.text().ends_with("xthe end"));
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(console("a\x1b[31mb\r\nc\0\u{9b}\u{7}").text(), "a[31mb\nc");
    }

    #[test]
    fn panic_is_found_with_its_reason() {
        let text = "[ 1.0] x\r\n[ 3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\r\n[ 3.3] CPU";
        assert_eq!(
            console(text).panic(),
            Some("Attempted to kill init! exitcode=0x00000100")
        );
        assert_eq!(console("all is well").panic(), None);
    }

    #[test]
    fn error_shows_the_last_lines_only() {
        let text: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let shown = console(&text).to_string();
        assert!(shown.ends_with("  | line 99"), "{shown}");
        assert_eq!(shown.lines().count(), 1 + SHOWN);
        assert_eq!(console("").to_string(), ", and its console is empty");
    }
}
