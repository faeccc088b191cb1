//! What programs print, read from `trace_pipe`.
//!
//! The pipe belongs to the whole machine: what others print while a job runs is read too, and is
//! lost to them.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;

use crate::kernel::errno_name;

use super::tracefs::Tracefs;

/// What stands before the text that a program printed.
const MARK: &str = ": bpf_trace_printk: ";
/// The most bytes that are read.
const LIMIT: usize = 16 << 20;

/// The open pipe.
#[derive(Debug)]
pub(super) struct Pipe(File);

impl Pipe {
    /// Opens the pipe and forgets what is in it.
    pub(super) fn open() -> Result<Pipe, String> {
        let tracefs = Tracefs::open();
        let tracefs =
            tracefs.map_err(|errno| format!("there is no tracefs: {}", errno_name(errno)))?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(tracefs.path("trace_pipe"));
        let file = file.map_err(|error| format!("trace_pipe: {error}"))?;
        let mut pipe = Pipe(file);
        pipe.read()?;
        Ok(pipe)
    }

    /// The lines that programs have printed since.
    pub(super) fn lines(&mut self) -> Result<Vec<String>, String> {
        let text = self.read()?;
        Ok(printed(&text))
    }

    fn read(&mut self) -> Result<String, String> {
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        while bytes.len() < LIMIT {
            match self.0.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => bytes.extend_from_slice(chunk.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("trace_pipe: {error}")),
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The text of the lines that come from programs. One without the mark goes on from the last.
fn printed(text: &str) -> Vec<String> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.split_once(MARK))
        .map(|(_, printed)| printed.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_text_is_what_follows_the_mark() {
        let text = "            bash-1234    [000] ...11   100.0: bpf_trace_printk: a: b\n\
                    <...>-7 [001] d..1. 3.5: sched_switch: x\n\
                    CPU:0 [LOST 3 EVENTS]\n";
        assert_eq!(printed(text), ["a: b"]);
    }
}
