//! What came of an event.

use std::sync::Arc;

use crate::code::Trap;
use crate::helpers::RunState;
use crate::machine::ProgId;

/// What came of an event.
#[derive(Clone, Debug, Default)]
pub struct Firing {
    /// The hooks it passed, in order, those without programs too.
    pub hooks: Vec<HookRun>,
    /// What a system call returned, or another hook that answers.
    pub result: Option<i64>,
    /// The packet afterwards.
    pub packet: Option<Vec<u8>>,
}

/// One hook that was passed.
#[derive(Clone, Debug)]
pub struct HookRun {
    /// Its name: `tracepoint syscalls/sys_enter_execve`.
    pub hook: String,
    /// The programs that ran there, in order.
    pub runs: Vec<ProgramRun>,
}

/// One run of a program.
#[derive(Clone, Debug)]
pub struct ProgramRun {
    /// The program.
    pub id: ProgId,
    /// Its name.
    pub name: Arc<str>,
    /// What it returned, or why it stopped.
    pub outcome: Result<u64, Trap>,
    /// What the return value means, where it is a verdict: `XDP_DROP`.
    pub verdict: Option<&'static str>,
    /// Instructions executed.
    pub insns: u64,
    /// Tail calls taken.
    pub tail_calls: u32,
    /// What helpers left: redirects, signals, overridden return values.
    pub state: RunState,
}

/// A program that no event reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// The program.
    pub id: ProgId,
    /// Its name.
    pub name: String,
    /// The object it came from.
    pub object: String,
    /// What would reach it: `--event openat`, `--data FILE`.
    pub needs: String,
}

impl Firing {
    /// All runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = &ProgramRun> {
        self.hooks.iter().flat_map(|hook| &hook.runs)
    }

    /// The first trap, if a program trapped.
    pub fn trap(&self) -> Option<&Trap> {
        self.runs().find_map(|run| run.outcome.as_ref().err())
    }
}
