//! Where programs' output goes: the trace pipe.
//!
//! Records of perf event arrays and ring buffers stay with their maps.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{CpuId, Task};

/// The state of the CPU at a trace line, as the five letters after its number: interrupts,
/// need-resched, context, preemption depth, migration depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceFlags(pub [u8; 5]);

impl Default for TraceFlags {
    /// In a task, one level of disabled preemption, migration disabled: what a program shows that
    /// runs from a tracepoint or a kprobe.
    fn default() -> TraceFlags {
        TraceFlags(*b"...11")
    }
}

/// The lines that `bpf_trace_printk` wrote and nobody has read yet.
#[derive(Debug)]
pub struct TracePipe {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
}

impl Default for TracePipe {
    /// Holds 16 MiB of text.
    fn default() -> TracePipe {
        TracePipe::new(16 << 20)
    }
}

impl TracePipe {
    /// A pipe that holds `limit` bytes of text: the oldest lines are lost when more is written.
    pub fn new(limit: usize) -> TracePipe {
        TracePipe {
            limit,
            inner: Mutex::default(),
        }
    }

    /// Writes one record, formatted as `trace_pipe` shows it. The kernel ends every record with a
    /// newline of its own, so a text that ends with one leaves an empty line behind.
    pub fn print(&self, task: &Task, cpu: CpuId, flags: TraceFlags, now: u64, text: &[u8]) {
        let micros = now / 1000;
        let line = format!(
            "{:>16}-{:<7} [{:03}] {} {:5}.{:06}: bpf_trace_printk: {}",
            task.comm,
            task.pid,
            cpu.0,
            String::from_utf8_lossy(&flags.0),
            micros / 1_000_000,
            micros % 1_000_000,
            String::from_utf8_lossy(text),
        );
        let mut inner = self.lock();
        inner.bytes += line.len();
        inner.lines.push_back(line);
        while inner.bytes > self.limit {
            let Some(oldest) = inner.lines.pop_front() else {
                break;
            };
            inner.bytes -= oldest.len();
            inner.lost += 1;
        }
    }

    /// The records that are there, each without its final newline.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Takes all records.
    pub fn drain(&self) -> Vec<String> {
        let mut inner = self.lock();
        inner.bytes = 0;
        inner.lines.drain(..).collect()
    }

    /// How many records were lost.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Comm;

    /// The form Linux 6.18 printed on a real host.
    #[test]
    fn print_formats_a_line_as_trace_pipe_does() {
        let pipe = TracePipe::default();
        let task = Task {
            pid: 14242,
            comm: Comm::new("bpftool"),
            ..Task::default()
        };
        pipe.print(
            &task,
            CpuId(0),
            TraceFlags(*b"...2."),
            1_441_545_638_999,
            b"Hello World!",
        );
        let wanted =
            "         bpftool-14242   [000] ...2.  1441.545638: bpf_trace_printk: Hello World!";
        assert_eq!(pipe.drain(), [wanted]);
        assert_eq!(pipe.drain().len(), 0);
    }

    #[test]
    fn print_beyond_the_limit_loses_the_oldest() {
        let pipe = TracePipe::new(160);
        for text in ["a", "b", "c"] {
            pipe.print(
                &Task::default(),
                CpuId(1),
                TraceFlags::default(),
                0,
                text.as_bytes(),
            );
        }
        assert_eq!((pipe.lines().len(), pipe.lost()), (2, 1));
        assert!(pipe.lines()[1].ends_with(": c"));
    }
}
