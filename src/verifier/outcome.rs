//! What judging a program needs and gives: no rule of the verifier stands here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::abi::context::SockView;
use crate::abi::privilege::Loader;
use crate::btf::Btf;
use crate::isa::{Insn, Pc, Reg};
use crate::object::{KernelCall, Program};

use super::reason::Kind;

/// What the verdict depends on beside the program.
#[derive(Clone, Debug)]
pub struct Env {
    /// Type information of the kernel that is modelled; `None` stands for the embedded Linux 6.12,
    /// which is read only when a program needs it.
    pub kernel_btf: Option<Arc<Btf>>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What a log ends with.
    pub log_totals: LogTotals,
    /// How many instructions may be processed (`BPF_COMPLEXITY_LIMIT_INSNS`).
    pub insn_limit: u64,
    /// Who loads the program, and with which flags.
    pub loader: Loader,
}

impl Default for Env {
    fn default() -> Env {
        Env {
            kernel_btf: None,
            log_level: LogLevel::Failure,
            log_totals: LogTotals::Brief,
            insn_limit: 1_000_000,
            loader: Loader::default(),
        }
    }
}

impl Env {
    /// With the log that bpf(2) gives at that level: 1 the path that was refused, 2 every path, 4 totals, or a
    /// sum of them.
    #[must_use]
    pub fn with_log(self, level: u32) -> Env {
        Env {
            log_level: match level & 3 {
                0 => LogLevel::Failure,
                1 => LogLevel::Path,
                _ => LogLevel::All,
            },
            log_totals: match level & 4 {
                0 => LogTotals::Brief,
                _ => LogTotals::Full,
            },
            ..self
        }
    }
}

/// How much of the exploration is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing but the reason of a rejection.
    Failure,
    /// The path that was rejected, as the kernel's level 1.
    Path,
    /// Every path, as the kernel's level 2.
    All,
}

/// What a log ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTotals {
    /// How much was processed, if there is a log.
    Brief,
    /// That, how long it took, and the depth of each function's stack: the kernel's level 4.
    Full,
}

/// An accepted program, and what was learnt of each instruction.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The program; one that replaces a function of another is of the other's type.
    pub program: Arc<Program>,
    /// Its instructions, one entry a slot.
    pub insns: Vec<Insn>,
    /// What was learnt of each slot.
    pub facts: Vec<Fact>,
    /// Stack bytes that each subprogram uses, in the order of [`Program::subprogs`].
    pub stack_depths: Vec<u32>,
    /// What was learnt of each subprogram, in the same order.
    pub functions: Vec<FunctionFact>,
    /// Its loops by `bpf_loop`.
    pub loops: Loops,
    /// Its calls of kernel functions.
    pub kernel_calls: BTreeMap<Pc, KernelCall>,
    /// How much work it was.
    pub stats: Stats,
    /// The log that was asked for.
    pub log: String,
}

/// Calls of `bpf_loop` that are loops around a call of one function, and the functions that are called back otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loops {
    /// By the call, where the function starts.
    pub bodies: BTreeMap<Pc, Pc>,
    /// Where functions start that helpers or kernel functions call back in other ways, or timers.
    pub called_back: BTreeSet<Pc>,
}

/// What was learnt of one function, which matters to programs that attach to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionFact {
    /// Whether it is given other arguments than its prototype says: of a static function compilers may remove some.
    pub unreliable: bool,
    /// Whether it, or a function that it calls, may change the packet.
    pub changes_packet: bool,
}

/// What was learnt of one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// Whether some path runs it. What no path runs may be dropped.
    pub reached: bool,
    /// For a load, store or atomic that runs: what it touches.
    pub access: Option<AccessKind>,
    /// Whether on some path it does what hangs on the number that a pointer is.
    pub shows_address: bool,
    /// Whether on some path it computes with a pointer into the arena: it then has 32 bits on every path.
    pub computes_in_arena: bool,
}

/// What an instruction touches, the same on every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Stack, map value, packet or other plain memory: the offset is the instruction's.
    Plain,
    /// The context, at this offset of its user-visible structure.
    Context(u32),
    /// A socket: the offset is that of the structure that programs see.
    Socket(SockView),
    /// A kernel object through a BTF pointer: a fault reads zero.
    Probed,
    /// The arena: where it has no page, zero is read and nothing written.
    Arena,
}

/// How much work a verdict was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Instructions processed over all paths.
    pub insns_processed: u64,
    /// States stored over the whole exploration, those dropped again included.
    pub total_states: u64,
    /// The most states kept at once.
    pub peak_states: u64,
    /// The most states kept at one instruction.
    pub max_states_per_insn: u64,
    /// How many checkpoints the longest walk back marked for one read.
    pub longest_mark_read: u64,
    /// The most branches that waited at once to be explored; 0 where a kernel judged, which does
    /// not say.
    pub peak_pending: u64,
}

/// Why a program was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The kernel's last sentence, or "not supported yet: …".
    pub message: String,
    /// The sentence that the kernel prints before it, where it prints two.
    pub detail: Option<String>,
    /// What bpf(2) would return.
    pub errno: Errno,
    /// The instruction at fault, if it is one's.
    pub pc: Option<Pc>,
    /// What the registers that the instruction names held there, where they held anything.
    pub registers: Vec<(Reg, String)>,
    /// What kind of rejection it is: its code, what to do about it. There is one for every sentence known.
    pub kind: Option<&'static Kind>,
    /// The instructions of the path that led there, oldest first, the latest few hundred.
    pub path: Vec<Pc>,
    /// How much work it was.
    pub stats: Stats,
    /// The log that was asked for.
    pub log: String,
    /// Whether the simulator refused what it cannot judge yet, rather than what the kernel refuses.
    pub unsupported: bool,
}

/// Error numbers that loading a program gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// `EPERM`.
    Permission,
    /// `E2BIG`.
    TooBig,
    /// `EACCES`.
    Access,
    /// `EFAULT`.
    Fault,
    /// `EBUSY`.
    Busy,
    /// `EINVAL`.
    Invalid,
    /// `ERANGE`.
    OutOfRange,
    /// `EOPNOTSUPP`.
    NoOperation,
    /// `ENOENT`.
    NoEntry,
    /// `ENOTSUPP` (524).
    NotSupported,
}

impl Errno {
    /// Its positive number.
    pub fn number(self) -> i32 {
        match self {
            Errno::Permission => 1,
            Errno::NoEntry => 2,
            Errno::TooBig => 7,
            Errno::Access => 13,
            Errno::Fault => 14,
            Errno::Busy => 16,
            Errno::Invalid => 22,
            Errno::OutOfRange => 34,
            Errno::NoOperation => 95,
            Errno::NotSupported => 524,
        }
    }
}
