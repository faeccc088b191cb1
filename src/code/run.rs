//! What running [`Code`] gives, the same for both engines: an outcome, or a trap with its place.
//!
//! It is not an engine. A trap is never a panic: whatever a program does ends in an [`Outcome`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Code, EntryId, Stacks};
use crate::helpers::{HelperError, RunState, World};
use crate::isa::{Pc, Reg};
use crate::machine::{Addr, Fault, ProgId};

/// The fuel of a run that was given none: more than a minute of interpretation is never meant.
pub const DEFAULT_FUEL: u64 = 1 << 32;

/// How many tail calls a run may take (`MAX_TAIL_CALL_CNT`).
pub const MAX_TAIL_CALLS: u32 = 33;

/// What an engine needs to run programs.
#[derive(Clone, Copy, Debug)]
pub struct RunEnv<'a> {
    /// What helpers see.
    pub world: World<'a>,
    /// Where tail calls lead.
    pub programs: &'a Programs,
    /// Stack frames, which no other run may use meanwhile.
    pub stacks: &'a Stacks,
    /// How many instructions may run.
    pub fuel: u64,
}

/// Where a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The function.
    pub entry: EntryId,
    /// `r1` to `r5`.
    pub args: [u64; 5],
}

impl Start {
    /// The context: what the program itself is given; other functions have none.
    pub fn ctx(&self) -> Addr {
        let [first, ..] = self.args;
        match self.entry == EntryId::default() {
            true => Addr(first),
            false => Addr::NULL,
        }
    }
}

/// What one run of a program came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `r0`, or why there is none.
    pub result: Result<u64, Box<Trap>>,
    /// Instructions executed, those of callbacks and tail-called programs included; none if the
    /// engine did not count them.
    pub insns: Option<u64>,
    /// Tail calls taken.
    pub tail_calls: u32,
    /// What helpers left for the caller: redirects, signals, overridden return values.
    pub state: RunState,
}

/// Why a program could not go on, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instruction {pc} of {program}: {cause}")]
pub struct Trap {
    /// The program that ran, after tail calls the one that was called last.
    pub program: Arc<str>,
    /// The instruction.
    pub pc: Pc,
    /// What went wrong.
    #[source]
    pub cause: Cause,
}

/// What ends a run early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// A load or store that guest memory refuses.
    #[error(transparent)]
    Memory(Fault),
    /// A helper was handed memory that guest memory refuses.
    #[error("{helper}: {fault}")]
    HelperMemory {
        /// The helper's name.
        helper: &'static str,
        /// What memory said.
        fault: Fault,
    },
    /// A helper that needs something this run has not, such as a packet.
    #[error("{helper}: {reason}")]
    HelperRefused {
        /// The helper's name.
        helper: &'static str,
        /// What it misses.
        reason: &'static str,
    },
    /// The instruction budget is used up.
    #[error("out of fuel after {limit} instructions")]
    OutOfFuel {
        /// The budget.
        limit: u64,
    },
    /// More than eight frames.
    #[error("call depth exceeds {limit} frames")]
    CallDepth {
        /// The most there may be.
        limit: usize,
    },
    /// A call through a register that holds no function.
    #[error("{reg} holds {value:#x}, which is no function of the program")]
    BadCallTarget {
        /// The register.
        reg: Reg,
        /// Its value.
        value: u64,
    },
    /// A helper was given a callback that is no function.
    #[error("callback {value:#x} is no function of the program")]
    BadCallback {
        /// The number.
        value: u64,
    },
    /// A legacy packet load in a program that got no packet.
    #[error("legacy packet load without a packet")]
    NoPacket,
    /// Control came to an instruction that the verifier holds unreachable.
    #[error("reached an instruction that no path reaches")]
    Unreached,
    /// Control ran past the last operation.
    #[error("ran past the end of the program")]
    PastEnd,
}

impl Cause {
    /// Why a run cannot go on after a helper, or a kernel function, of that name.
    pub fn of_helper(helper: &'static str, error: HelperError) -> Cause {
        match error {
            HelperError::Memory(fault) => Cause::HelperMemory { helper, fault },
            HelperError::Refused(reason) => Cause::HelperRefused { helper, reason },
            HelperError::BadCallback(value) => Cause::BadCallback { value },
            HelperError::Thrown(_) => Cause::HelperRefused {
                helper,
                reason: "thrown by a function that a helper calls back",
            },
            // The engine reports the callback's own trap in its place.
            HelperError::Stopped => Cause::PastEnd,
        }
    }
}

/// The loaded programs, which program arrays refer to.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    by_id: BTreeMap<ProgId, Arc<Code>>,
}

impl Programs {
    /// Adds or replaces a program.
    pub fn insert(&mut self, id: ProgId, code: Arc<Code>) {
        self.by_id.insert(id, code);
    }

    /// The program of that id.
    pub fn get(&self, id: ProgId) -> Option<&Arc<Code>> {
        self.by_id.get(&id)
    }
}
