//! The stacks that a hook is reached with, as far as an event says: where it is, how the kernel was
//! entered, and where in user space.

use super::context::text_address;
use super::scene::USER_IP;
use super::{Point, Scene, Stop};

/// The functions through which system calls enter the kernel, innermost first.
const ENTRY: [&str; 2] = ["do_syscall_64", "entry_SYSCALL_64_after_hwframe"];

/// Where a task that sleeps is, innermost first.
const SLEEP: [&str; 2] = ["__schedule", "schedule"];

impl Scene<'_> {
    /// Return addresses of a task that sleeps in the kernel.
    pub fn sleeping_stack(&self) -> Vec<u64> {
        SLEEP.map(text_address).to_vec()
    }

    /// Return addresses in the kernel, innermost first: the first is the hook itself.
    pub fn kernel_stack(&self, stop: &Stop) -> Vec<u64> {
        let innermost = match &stop.point {
            Point::Entry(function) | Point::Return(function) => text_address(&function.name),
            Point::RawTracepoint { .. }
            | Point::Tracepoint { .. }
            | Point::Lsm { .. }
            | Point::Usdt { .. }
            | Point::Xdp
            | Point::TcIngress
            | Point::TcEgress
            | Point::Socket
            | Point::CgroupIngress
            | Point::CgroupEgress
            | Point::Operation { .. }
            | Point::Place(_) => text_address(&stop.point.to_string()),
        };
        let entry = self.syscall.iter().flat_map(|_| ENTRY).map(text_address);
        std::iter::once(innermost).chain(entry).collect()
    }

    /// Return addresses in user space, innermost first; none where no system call led here.
    pub fn user_stack(&self) -> Vec<u64> {
        self.syscall.iter().map(|_| USER_IP).collect()
    }
}
