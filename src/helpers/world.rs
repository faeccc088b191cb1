//! What helpers see of the machine, and what they leave behind for whoever ran the program.

use super::trace::Returned;
use crate::isa::Size;
use crate::machine::{Addr, CpuId, Errno, Machine, ProgId, Task};

/// The machine, and what it is doing while a program runs.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The CPU that runs the program.
    pub cpu: CpuId,
    /// The task that is current there.
    pub task: &'a Task,
    /// Its `task_struct` in guest memory, if the kernel is modelled that far.
    pub task_struct: Option<Addr>,
    /// What the program is attached to.
    pub hook: Hook<'a>,
}

impl<'a> World<'a> {
    /// A CPU of a machine with a current task, at no place in particular.
    pub fn new(machine: &'a Machine, cpu: CpuId, task: &'a Task) -> World<'a> {
        World {
            machine,
            cpu,
            task,
            task_struct: None,
            hook: Hook::default(),
        }
    }
}

/// The place a program is attached to, as far as helpers tell of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hook<'a> {
    /// Address of the traced function.
    pub func_ip: u64,
    /// The cookie of the attachment.
    pub cookie: u64,
    /// How many arguments the traced function has.
    pub func_args: u32,
    /// Whether it has returned.
    pub returned: Returned,
    /// Return addresses in the kernel, innermost first.
    pub kernel_stack: &'a [u64],
    /// Return addresses in user space, innermost first.
    pub user_stack: &'a [u64],
}

/// What helpers left for the caller of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunState {
    /// Signals sent to the current task.
    pub signals: Vec<u32>,
    /// What the traced function shall return instead of running.
    pub overridden: Option<u64>,
    /// The error that a cgroup hook reports: 0 or negative.
    pub retval: i32,
}

/// The program that a tail call leads to, or the error for `r0`.
pub fn tail_call_target(_world: &World<'_>, _map: u64, _index: u32) -> Result<ProgId, Errno> {
    Err(Errno::EINVAL)
}

/// The number of `size` at an offset of the packet, in network order: `None` without a packet,
/// `Some(None)` out of its bounds.
pub fn legacy_load(_world: &World<'_>, _off: i32, _size: Size) -> Option<Option<u64>> {
    None
}
