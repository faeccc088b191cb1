//! Judges a program as the Linux verifier would, and says why.
//!
//! [`verify`] first looks at the control flow (`cfg`), then explores the program path by path,
//! depth first (`explore`), and prunes states that an earlier one covers (`visited`, `prune`,
//! `precision`).
//! What an instruction does to a state (`state`) is in `alu`, `memory` with `stack`, `context` and
//! `kernel_object`, `branch`, and `helper` with `argument` and `subprog`. It knows nothing of the
//! engines nor of what a helper does beyond its prototype.
//!
//! Rules:
//! - The verdict is that of Linux 6.12, for who loads the program (`privilege`, `speculation`); a
//!   rejection carries its sentence.
//! - What cannot be judged yet is refused ("not supported yet: …"), never waved through.

mod address;
mod alu;
mod arena;
mod argument;
mod attach_program;
mod branch;
mod callback;
mod cfg;
mod context;
mod context_argument;
mod dynptr;
mod exception;
mod explore;
mod fail;
mod format_string;
mod global;
mod helper;
mod kernel_object;
mod kfunc;
mod kind;
mod kptr;
mod legacy;
mod local;
mod lock;
mod log;
mod map_fields;
mod memory;
mod object_argument;
mod object_write;
pub mod outcome;
mod precision;
mod privilege;
mod prune;
pub mod reason;
mod recording;
mod reference;
pub mod scalar;
mod socket;
mod special;
mod speculation;
mod stack;
mod state;
mod struct_ops;
mod subprog;
mod timer;
pub mod tnum;
mod trust;
mod visited;
mod wanted;

use std::sync::Arc;

use crate::isa::{DecodeError, Insn, Pc, Reg, Width, decode_slots};
use crate::object::{Program, Subprog};

use cfg::Flow;
pub use exception::exception_callback;
use explore::Verifier;
use fail::Fail;
use kfunc::Kfuncs;
pub use outcome::{
    AccessKind, Env, Errno, Fact, FunctionFact, LogLevel, LogTotals, Loops, Rejection, Stats,
    Verified,
};
use privilege::Rights;
pub use recording::{Base, Claim, Held, HeldFrame, HeldSlot, Recording};

/// The most instructions a program may have (`BPF_COMPLEXITY_LIMIT_INSNS` for the privileged).
const MAX_INSNS: usize = 1_000_000;

/// Judges a program.
pub fn verify(program: &Arc<Program>, env: &Env) -> Result<Verified, Box<Rejection>> {
    judge(program, env, Purpose::Verdict).map(|(verified, _)| verified)
}

/// What is held to be true before each instruction of a program; nothing if it is refused or that
/// is too much to record.
pub fn record(program: &Arc<Program>, env: &Env) -> Option<Recording> {
    let (_, recording) = judge(program, env, Purpose::Recording).ok()?;
    recording.filter(Recording::is_complete)
}

/// What a program is explored for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// The verdict, as Linux comes to it.
    Verdict,
    /// What is held before each instruction.
    Recording,
}

fn judge(
    program: &Arc<Program>,
    env: &Env,
    purpose: Purpose,
) -> Result<(Verified, Option<Recording>), Box<Rejection>> {
    privilege::check_loader(program, env).map_err(|fail| rejection(fail, None))?;
    let slots = decode_slots(&program.code);
    let slots =
        slots.map_err(|(pc, error)| rejection(Fail::invalid(error.to_string()), Some(pc)))?;
    let (insns, broken) = split(slots);
    let rights = Rights::of(&env.loader);
    privilege::check_functions(&insns, &rights).map_err(|(pc, fail)| rejection(fail, Some(pc)))?;
    kfunc::check_bound(&insns, env).map_err(|fail| rejection(fail, None))?;
    let kfuncs = Kfuncs::of(&insns, env);
    let callback = exception::callback_of(program).map_err(|fail| rejection(fail, None))?;
    let program = &program.as_part();
    let flow =
        Flow::of(&insns, &kfuncs, callback, cfg::Loops::of(&rights)).map_err(
            |fail| match broken.first() {
                Some((pc, error)) => rejection(Fail::invalid(error.to_string()), Some(*pc)),
                None => rejection(fail, None),
            },
        )?;
    let mut verifier = Verifier::new(program, env, &insns, &flow, &kfuncs);
    verifier.exception_callback = callback.and_then(|start| flow.subprog_at(start));
    verifier.broken = broken;
    verifier.recording = match purpose {
        Purpose::Verdict => None,
        Purpose::Recording => Some(Recording::new(insns.len())),
    };
    match verifier.run() {
        Ok(()) => {
            let recording = verifier.recording.take();
            Ok((accept(program, verifier, insns.clone()), recording))
        }
        Err(fail) => Err(Box::new(verifier.reject(fail))),
    }
}

/// The instructions, and those that are broken: they matter only where a path reaches them, so a
/// harmless one stands in their place.
fn split(slots: Vec<Result<Insn, DecodeError>>) -> (Vec<Insn>, Vec<(Pc, DecodeError)>) {
    let stand_in = Insn::Neg {
        width: Width::W64,
        dst: Reg::R0,
    };
    let mut broken = Vec::new();
    let insns = (0..).map(Pc).zip(slots).map(|(pc, slot)| {
        slot.unwrap_or_else(|error| {
            broken.push((pc, error));
            stand_in
        })
    });
    (insns.collect(), broken)
}

/// A rejection before anything was explored.
fn rejection(fail: Fail, pc: Option<Pc>) -> Box<Rejection> {
    Box::new(Rejection {
        kind: reason::of_refusal(fail.detail.as_deref(), &fail.message),
        log: format!("{}\n", fail.message),
        message: fail.message,
        detail: fail.detail,
        errno: fail.errno,
        pc,
        registers: Vec::new(),
        path: Vec::new(),
        stats: Stats::default(),
        unsupported: fail.unsupported,
    })
}

fn accept(program: &Arc<Program>, mut verifier: Verifier<'_>, insns: Vec<Insn>) -> Verified {
    verifier.log_stats();
    // A function that nothing calls or refers to has no depth.
    let depth_of = |subprog: &Subprog| {
        let index = verifier.flow.subprog_at(subprog.start);
        let depth = index.and_then(|index| verifier.stack_depths.get(index));
        depth.map_or(0, |depth| depth.unsigned_abs())
    };
    Verified {
        program: Arc::clone(program),
        insns,
        stack_depths: program.subprogs.iter().map(depth_of).collect(),
        functions: verifier.function_facts(),
        loops: verifier.loops(),
        facts: verifier.facts,
        kernel_calls: verifier.kernel_calls,
        stats: verifier.stats,
        log: verifier.log.into_text(),
    }
}
