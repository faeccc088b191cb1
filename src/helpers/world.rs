//! What helpers see of the machine, and what they leave behind for whoever ran the program.

use crate::isa::Size;
use crate::machine::{CpuId, Errno, Machine, ProgId, Task};

/// The machine, and what it is doing while a program runs.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The CPU that runs the program.
    pub cpu: CpuId,
    /// The task that is current there.
    pub task: &'a Task,
}

/// What helpers left for the caller of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunState {}

/// The program that a tail call leads to, or the error for `r0`.
pub fn tail_call_target(_world: &World<'_>, _map: u64, _index: u32) -> Result<ProgId, Errno> {
    Err(Errno::EINVAL)
}

/// The number of `size` at an offset of the packet, in network order: `None` without a packet,
/// `Some(None)` out of its bounds.
pub fn legacy_load(_world: &World<'_>, _off: i32, _size: Size) -> Option<Option<u64>> {
    None
}
