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
pub(super) struct Pipe {
    file: File,
    /// What was read already.
    kept: String,
}

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
        let mut pipe = Pipe {
            file,
            kept: String::new(),
        };
        pipe.read()?;
        Ok(pipe)
    }

    /// Reads what programs have printed since, before there is more than the kernel keeps: until
    /// somebody traces, that is a few pages.
    pub(super) fn keep(&mut self) -> Result<(), String> {
        let text = self.read()?;
        self.kept.push_str(&text);
        Ok(())
    }

    /// The lines that programs have printed since it was opened.
    pub(super) fn lines(&mut self) -> Result<Vec<String>, String> {
        self.keep()?;
        Ok(printed(&self.kept))
    }

    fn read(&mut self) -> Result<String, String> {
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        while bytes.len() < LIMIT {
            match self.file.read(&mut chunk) {
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

/// The texts that come from programs. A line that does not begin as the kernel's do goes on from
/// the last.
fn printed(text: &str) -> Vec<String> {
    let mut printed: Vec<String> = Vec::new();
    let mut is_printed = false;
    // What a program prints may end in `\r`.
    for line in text.split_terminator('\n') {
        match line.split_once(MARK) {
            Some((_, text)) => {
                printed.push(text.to_owned());
                is_printed = true;
            }
            None if is_printed && !begins(line) => {
                if let Some(last) = printed.last_mut() {
                    last.push('\n');
                    last.push_str(line);
                }
            }
            None => is_printed = false,
        }
    }
    printed
}

/// Whether a line begins as those of the kernel do: with the number of a CPU, in brackets or as that
/// of the one that lost some.
fn begins(line: &str) -> bool {
    let cpu = line
        .split_once(" [")
        .and_then(|(_, rest)| rest.split_once("] "));
    let is_cpu = |cpu: &str| !cpu.is_empty() && cpu.bytes().all(|byte| byte.is_ascii_digit());
    cpu.is_some_and(|(cpu, _)| is_cpu(cpu)) || line.starts_with("CPU:")
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

    #[test]
    fn printed_text_keeps_how_it_ends() {
        let text = "  a-1 [000] ...11   1.0: bpf_trace_printk: 1\r\n";
        assert_eq!(printed(text), ["1\r"]);
    }

    #[test]
    fn printed_text_of_several_lines_stays_together() {
        let text = "  a-1 [000] ...11   1.0: bpf_trace_printk: one\n\n\
                    \x20 a-1 [001] ...11   1.1: bpf_trace_printk: two\nlines\n\
                    <...>-7 [001] d..1. 3.5: sched_switch: x\nrest\n";
        assert_eq!(printed(text), ["one\n", "two\nlines"]);
    }
}
