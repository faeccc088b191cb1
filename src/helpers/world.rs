//! What helpers see of the machine, and what they leave behind for whoever ran the program.

use std::ops::{Deref, DerefMut};

use super::kernel::KernelFacts;
use super::packet::{Packet, Redirect, SentCopy};
use super::sysctl::{Remote, Sysctl};
use super::task_memory::Vma;
use super::trace::Returned;
use crate::abi::ProgType;
use crate::machine::{Addr, CpuId, Errno, Machine, ProgId, Task, TimerId};
use crate::maps::{CgroupPlace, MapTable};

/// The machine, and what it is doing while a program runs.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// Its maps.
    pub maps: &'a MapTable,
    /// The type of the program, which says what its context is.
    pub prog_type: ProgType,
    /// The CPU that runs the program.
    pub cpu: CpuId,
    /// The task that is current there.
    pub task: &'a Task,
    /// Its `task_struct` in guest memory, if the kernel is modelled that far.
    pub task_struct: Option<Addr>,
    /// Its context as the kernel has it, if it asks for that.
    pub kernel_context: Option<Addr>,
    /// The packet it runs on, if its type has one.
    pub packet: Option<Packet<'a>>,
    /// What the program is attached to.
    pub hook: Hook<'a>,
    /// The kernel's parameter that is read or written.
    pub sysctl: Option<&'a Sysctl>,
    /// The kernel's types and symbols.
    pub kernel: KernelFacts<'a>,
    /// The timer whose function the program is.
    pub timer: Option<TimerId>,
}

impl<'a> World<'a> {
    /// The first CPU of a machine with a current task, at no place in particular.
    pub fn new(
        machine: &'a Machine,
        maps: &'a MapTable,
        prog_type: ProgType,
        task: &'a Task,
    ) -> World<'a> {
        let (cpu, hook) = (CpuId(0), Hook::default());
        World {
            machine,
            maps,
            prog_type,
            cpu,
            task,
            task_struct: None,
            kernel_context: None,
            packet: None,
            hook,
            sysctl: None,
            kernel: KernelFacts::default(),
            timer: None,
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
    /// Which cgroup, of programs that are attached to one.
    pub cgroup: Option<CgroupPlace>,
    /// What is the program's own from the entry of a function to its return, if its probe is a session.
    pub session: Option<Session>,
    /// Return addresses in the kernel, innermost first.
    pub kernel_stack: &'a [u64],
    /// Return addresses in user space, innermost first.
    pub user_stack: &'a [u64],
    /// Return addresses of a task that sleeps, in the kernel.
    pub sleeping_stack: &'a [u64],
    /// The registers with which the current task entered the kernel.
    pub user_regs: Option<Addr>,
    /// Those of a task of which nothing is known.
    pub sleeping_regs: Option<Addr>,
    /// The mappings of the current task's memory, by rising address.
    pub vmas: &'a [Vma],
}

/// Where in a session a program runs.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Whether the function has returned.
    pub returned: Returned,
    /// Eight bytes that stay from its entry to its return.
    pub cookie: Addr,
}

/// What helpers left for the caller of a run.
///
/// Most runs leave nothing: it takes memory from the first change on.
#[derive(Clone, Debug, Default)]
pub struct RunState(Option<Box<Left>>);

impl RunState {
    /// Forgets what a run left.
    #[inline]
    pub fn clear(&mut self) {
        if self.0.is_some() {
            self.drop_left();
        }
    }

    #[cold]
    fn drop_left(&mut self) {
        self.0 = None;
    }
}

/// What a run leaves beside its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Where the packet shall go, if its verdict is to redirect it.
    pub redirect: Option<Redirect>,
    /// Copies of the packet that were sent.
    pub copies: Vec<SentCopy>,
    /// Signals sent to the current task.
    pub signals: Vec<u32>,
    /// What the traced function shall return instead of running.
    pub overridden: Option<u64>,
    /// The address that a socket shall connect from (`struct sockaddr`).
    pub bound: Option<Vec<u8>>,
    /// The path that a Unix socket's address shall have.
    pub sun_path: Option<Vec<u8>>,
    /// For how many bytes of a message the verdict holds, and for how many the next one waits.
    pub applied: Option<u32>,
    /// As said there.
    pub corked: Option<u32>,
    /// Options that a segment shall have, and bytes that are kept free for some.
    pub options: Vec<u8>,
    /// As said there.
    pub reserved: u32,
    /// Objects that live as long as the run.
    pub kept: Vec<Addr>,
    /// What a remote control did.
    pub remote: Vec<Remote>,
    /// The error that a cgroup hook reports: 0 or negative.
    pub retval: i32,
}

static NOTHING: Left = Left {
    redirect: None,
    copies: Vec::new(),
    signals: Vec::new(),
    overridden: None,
    bound: None,
    sun_path: None,
    applied: None,
    corked: None,
    options: Vec::new(),
    reserved: 0,
    kept: Vec::new(),
    remote: Vec::new(),
    retval: 0,
};

impl Deref for RunState {
    type Target = Left;

    fn deref(&self) -> &Left {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for RunState {
    fn deref_mut(&mut self) -> &mut Left {
        self.0.get_or_insert_default()
    }
}

impl PartialEq for RunState {
    fn eq(&self, other: &RunState) -> bool {
        **self == **other
    }
}

impl Eq for RunState {}

/// The program that a tail call leads to, or the error for `r0`.
pub fn tail_call_target(world: &World<'_>, map: u64, index: u64) -> Result<ProgId, Errno> {
    let memory = &world.machine.memory;
    let map = world
        .maps
        .by_handle(memory, Addr(map))
        .ok_or(Errno::EINVAL)?;
    let programs = map.programs().ok_or(Errno::EINVAL)?;
    programs.called(memory, index).ok_or(Errno::ENOENT)
}
