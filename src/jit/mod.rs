//! The second engine: compiles [`Code`] to native code with Cranelift, and runs that.
//!
//! It judges nothing and knows neither the verifier nor the interpreter: of a program that was
//! judged ([`Checks::Proven`]) it believes every access, and of one that was not it checks each.
//!
//! Rules:
//! - One native function for each [`Entry`](crate::code::Entry). BPF registers are SSA values. A
//!   small subprogram is compiled into its callers.
//! - Judged programs: loads and stores are plain ones, arguments travel in registers, and stack
//!   slots whose address never escapes are values. A probed load asks the shadow, and reads zero
//!   where it refuses.
//! - Programs nobody judged: every access asks the shadow first and traps as in the interpreter.
//!   All registers travel through `state::Run`, so that what such a program reads of another
//!   function's registers is what the interpreter shows it.
//! - Everything that native code cannot do by itself is a `shims` call with the run as its first
//!   argument. What cannot go on is recorded there; native code looks at one word after the call,
//!   and returns.
//! - A tail call is a jump to a program that makes tail calls itself, so that chains do not grow the
//!   native stack, and a call of one that makes none. Functions of programs that make them have
//!   Cranelift's convention for that, which Rust enters through a function of the host's.
//! - [`Counting::On`] counts instructions exactly as the interpreter does and stops at the same one.
//!   [`Counting::Off`] counts nothing, and burns fuel at the back-edges of loops that the verifier
//!   has not walked to their end.
//! - Cranelift is used in this folder only, `unsafe` in `native` only. Nothing but the calling
//!   convention depends on the host.

mod arena;
mod direct;
mod flow;
mod listing;
mod loop_ends;
mod native;
mod shims;
mod slots;
mod state;
mod translate;

#[cfg(test)]
#[expect(
    clippy::duplicate_mod,
    reason = "the tests of one engine run in the other"
)]
#[path = "../interp/tests/mod.rs"]
mod conformance;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

use crate::code::{Checks, Code, EntryId, Outcome, RunEnv, Start};
use crate::machine::{Addr, ProgId};

pub use listing::{Listing, Stage};
pub use native::Native;
use state::Run;

/// Whether native code counts instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// It does not: the outcome has no count, and fuel only stops what would not end by itself.
    #[default]
    Off,
    /// It counts each, and the fuel is spent to the instruction.
    On,
}

/// Why a program cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JitError {
    /// Cranelift has no code generator for this machine.
    #[error("no native code on this host: {reason}")]
    Host {
        /// What Cranelift says.
        reason: String,
    },
    /// Native code of it would be too large.
    #[error(
        "{program} is too large for native code: {ops} operations in its functions, at most {limit}"
    )]
    TooLarge {
        /// The program.
        program: String,
        /// How many operations its functions reach, those that several reach counted for each.
        ops: usize,
        /// The most there may be.
        limit: usize,
    },
    /// Cranelift refuses it.
    #[error("cannot compile {program}: {reason}")]
    Codegen {
        /// The program.
        program: String,
        /// What Cranelift says.
        reason: String,
    },
}

/// Makes native code; one serves any number of programs and machines.
#[derive(Clone)]
pub struct Compiler {
    isa: OwnedTargetIsa,
    /// How many programs it has compiled, with those of its clones.
    compiled: Arc<AtomicUsize>,
}

/// How many places behind the start of a page there are for programs to start at: lines of the instruction cache.
const STARTS: usize = 32;

/// How many lines a program starts behind the one that was compiled before.
const STEP: usize = 5;

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiler for {}", self.isa.triple())
    }
}

impl Compiler {
    /// A compiler for the machine it runs on.
    ///
    /// # Errors
    /// Cranelift cannot make code for it.
    pub fn new() -> Result<Compiler, JitError> {
        let host = |reason: &dyn std::fmt::Display| JitError::Host {
            reason: reason.to_string(),
        };
        let mut flags = settings::builder();
        let checked = if cfg!(any(debug_assertions, test)) {
            "true"
        } else {
            "false"
        };
        for (name, value) in [
            ("opt_level", "speed"),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("unwind_info", "false"),
            ("enable_verifier", checked),
            ("enable_probestack", "false"),
            // Cranelift makes tail calls only with them.
            ("preserve_frame_pointers", "true"),
            // What a loop takes must not depend on where other code ends.
            ("log2_min_function_alignment", "6"),
        ] {
            flags.set(name, value).map_err(|error| host(&error))?;
        }
        let isa = cranelift_native::builder().map_err(|error| host(&error))?;
        let isa = isa.finish(settings::Flags::new(flags));
        Ok(Compiler {
            isa: isa.map_err(|error| host(&error))?,
            compiled: Arc::default(),
        })
    }

    /// Compiles a program. The native code holds addresses of the machine that the program was
    /// lowered for, and runs on that machine only.
    ///
    /// # Errors
    /// It is too large.
    pub fn compile(&self, code: &Arc<Code>, counting: Counting) -> Result<Native, JitError> {
        let before = self.compiled.fetch_add(1, Ordering::Relaxed);
        Native::compile(&self.isa, code, counting, before * STEP % STARTS)
    }

    /// What compiling makes of a program, in text, function by function.
    ///
    /// # Errors
    /// It is too large.
    pub fn list(
        &self,
        code: &Arc<Code>,
        counting: Counting,
        stage: Stage,
    ) -> Result<Vec<Listing>, JitError> {
        listing::list(&self.isa, code, counting, stage)
    }
}

/// The compiled programs, which tail calls lead to.
#[derive(Clone, Debug, Default)]
pub struct Natives {
    by_id: BTreeMap<ProgId, Arc<Native>>,
    /// What native code reads of the first of them, by id.
    landings: Vec<Landing>,
}

/// Programs of greater ids are found by Rust only.
const MAX_LANDINGS: usize = 1 << 16;

/// The binary logarithm of what a [`Landing`] takes.
const LANDING_SHIFT: i64 = size_of::<Landing>().ilog2() as i64;

/// Where a tail call leads: what native code reads of a program.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Landing {
    /// Where to jump, if the program makes tail calls itself.
    jump: u64,
    /// What to call, if it makes none.
    call: u64,
    /// The [`Native`].
    native: u64,
}

impl Natives {
    /// Adds or replaces a program.
    pub fn insert(&mut self, id: ProgId, native: Arc<Native>) {
        let index = id.0 as usize;
        if index < MAX_LANDINGS {
            if self.landings.len() <= index {
                self.landings.resize(index + 1, Landing::default());
            }
            if let Some(landing) = self.landings.get_mut(index) {
                // A program that nobody judged finds its registers set by Rust.
                *landing = match native.code().checks {
                    Checks::Proven => native.landing(),
                    Checks::Needed => Landing::default(),
                };
            }
        }
        self.by_id.insert(id, native);
    }

    fn landings(&self) -> &[Landing] {
        &self.landings
    }

    /// The program of that id.
    pub fn get(&self, id: ProgId) -> Option<&Arc<Native>> {
        self.by_id.get(&id)
    }
}

/// Runs a program from its start, `r1` pointing to the context.
///
/// Tail calls lead to `natives`; the programs of `env` are the interpreter's.
pub fn run(native: &Native, natives: &Natives, env: &RunEnv<'_>, ctx: Addr) -> Outcome {
    enter(native, natives, env, at_start(ctx))
}

/// As [`run`], so many times, at least once, or until a run traps; does something after each but the last, whose outcome
/// it gives.
#[inline]
pub fn repeat(
    (native, ctx): (&Native, Addr),
    natives: &Natives,
    env: &RunEnv<'_>,
    (times, between): (u32, impl Fn()),
) -> Outcome {
    let start = at_start(ctx);
    let mut run = Run::new(native, natives, env, start);
    let mut result = run.go(native, start);
    for _ in 1..times {
        if run.has_trapped() {
            break;
        }
        between();
        run.renew(native, start);
        result = run.go(native, start);
    }
    run.outcome(native, result)
}

fn at_start(ctx: Addr) -> Start {
    Start {
        entry: EntryId::default(),
        args: [ctx.0, 0, 0, 0, 0],
    }
}

/// Runs a function of a program by itself.
pub fn run_function(native: &Native, natives: &Natives, env: &RunEnv<'_>, start: Start) -> Outcome {
    enter(native, natives, env, start)
}

/// Where a run starts is no call's argument: it would be written to memory in parts and read back whole, which takes
/// longer than a short run.
#[inline(always)]
fn enter(native: &Native, natives: &Natives, env: &RunEnv<'_>, start: Start) -> Outcome {
    let mut run = Run::new(native, natives, env, start);
    let result = run.go(native, start);
    run.outcome(native, result)
}
