//! What helper functions do: a table of bodies by number, one file a family.
//!
//! It is not where their prototypes stand ([`crate::abi::helpers`]), and no body reaches memory but
//! through [`crate::machine`].
//!
//! To add a helper:
//! 1. Write its body in the file of its family: `fn name(call: &mut Call<'_>) -> Reply`. Arguments
//!    come from `call.args`; an error that the kernel would return is `Ok(Errno::EFAULT.as_return())`, an access
//!    that the kernel could not survive is a [`HelperError`] and traps.
//! 2. Add its row to the file's `ROWS`, by number.
//! 3. Test it in the family's tests through [`Entry::call`].
//!
//! Rules:
//! - A helper without a row is refused when a program is lowered, never silently zero.
//! - Bodies take nothing from the host: clock, randomness, tasks and packets are the machine's.
//! - What outlives a run but is not the machine's is recorded in [`RunState`].

mod btf_text;
mod cgroup;
mod dynptr;
mod files;
mod format;
mod kernel;
pub mod kfunc;
mod loops;
mod map;
mod message;
mod misc;
mod objects;
mod output;
mod packet;
mod perf;
mod print;
mod probe;
mod sequence;
mod socket_casts;
mod socket_maps;
mod sockets;
mod stacks;
mod storage;
mod strings;
mod support;
mod sys;
mod sysctl;
mod task;
mod task_memory;
mod tcp_options;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod timer;
mod trace;
mod user_ring;
mod world;

use crate::machine::{Access, Addr, Errno, Fault, Memory, ProgId};

use kfunc::CallFacts;

pub use kernel::KernelFacts;
pub use packet::legacy_load;
pub use packet::{Packet, Redirect, SentCopy, Way};
pub use socket_casts::socket_structure;
pub use support::{support, why_not};
pub use sysctl::{Remote, Sysctl};
pub use task_memory::Vma;
pub use time::jiffies;
pub use trace::Returned;
pub use world::{Hook, Left, RunState, Session, World, tail_call_target};

/// What a body gives: `r0`, or why the run cannot go on.
pub type Reply = Result<u64, HelperError>;

/// What Linux answers, be it an error, or why the run cannot go on.
pub(crate) type Answer<T> = Result<Result<T, Errno>, HelperError>;

/// The code of one helper.
pub type Body = fn(&mut Call<'_>) -> Reply;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    number: u32,
    name: &'static str,
    body: Body,
}

impl Entry {
    const fn new(number: u32, name: &'static str, body: Body) -> Entry {
        Entry { number, name, body }
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its name, with the `bpf_` prefix.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it.
    #[inline]
    pub fn call(&self, call: &mut Call<'_>) -> Reply {
        (self.body)(call)
    }
}

/// One call of a helper.
pub struct Call<'a> {
    /// `r1` to `r5`.
    pub args: [u64; 5],
    /// The machine and what it is doing.
    pub world: &'a World<'a>,
    /// What the verifier knows of the call, if it is one of a kernel function.
    pub facts: &'a CallFacts,
    /// The context of the program.
    pub ctx: Addr,
    /// The engine that runs the program.
    pub engine: &'a mut dyn Engine,
}

impl<'a> Call<'a> {
    /// Guest memory.
    pub fn memory(&self) -> &'a Memory {
        &self.world.machine.memory
    }

    /// What the run leaves to its caller.
    pub fn state(&mut self) -> &mut RunState {
        self.engine.state()
    }

    /// Checks that the program may write `len` bytes at an address, before anything is allocated
    /// for them.
    fn check_room(&self, addr: u64, len: usize) -> Result<(), Fault> {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if len == 0 {
            return Ok(());
        }
        self.memory().check(Addr(addr), len, Access::Write)
    }
}

/// What a helper needs of the engine that runs its caller.
pub trait Engine {
    /// Runs a function of the program by its handle, and gives its `r0`.
    fn callback(&mut self, handle: u64, args: [u64; 5]) -> Reply;
    /// What the run leaves to its caller.
    fn state(&mut self) -> &mut RunState;
    /// The program that calls, after tail calls the one that was called last, if it is loaded.
    fn program(&self) -> Option<ProgId>;
}

/// Why a run cannot go on after a helper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    /// An argument points where the helper must not read or write.
    #[error(transparent)]
    Memory(#[from] Fault),
    /// The helper needs what this run does not have.
    #[error("{0}")]
    Refused(&'static str),
    /// An argument that should be a function is none.
    #[error("{0:#x} is no function of the program")]
    BadCallback(u64),
    /// The program throws, with this cookie.
    #[error("thrown where no function of the program is to unwind")]
    Thrown(u64),
    /// A callback trapped; the engine knows why.
    #[error("a callback trapped")]
    Stopped,
}

/// All families but those of packets.
const FAMILIES: &[&[Entry]] = &[
    cgroup::ROWS,
    dynptr::ROWS,
    files::ROWS,
    kernel::ROWS,
    loops::ROWS,
    map::ROWS,
    message::ROWS,
    misc::ROWS,
    objects::ROWS,
    output::ROWS,
    perf::ROWS,
    print::ROWS,
    probe::ROWS,
    sequence::ROWS,
    socket_casts::ROWS,
    socket_maps::ROWS,
    sockets::ROWS,
    stacks::ROWS,
    storage::ROWS,
    strings::ROWS,
    sys::ROWS,
    sysctl::ROWS,
    task::ROWS,
    task_memory::ROWS,
    tcp_options::ROWS,
    time::ROWS,
    timer::ROWS,
    trace::ROWS,
    user_ring::ROWS,
];

/// Every row.
fn rows() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().chain(packet::FAMILIES).copied().flatten()
}

/// The row of that number, if the helper has a body.
pub fn entry(number: i32) -> Option<&'static Entry> {
    let number = u32::try_from(number).ok()?;
    rows().find(|entry| entry.number == number)
}

/// Whether the helper of that number can be run; `bpf_tail_call` is the engines' own.
pub fn has_body(number: i32) -> bool {
    number == TAIL_CALL || entry(number).is_some()
}

/// The number of `bpf_tail_call`, which engines run themselves.
pub const TAIL_CALL: i32 = 12;
