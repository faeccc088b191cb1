//! Which engine runs programs, and what it keeps of each.
//!
//! It runs nothing itself: [`crate::interp`] and `jit` do.

use crate::code::{Code, Outcome, RunEnv, Start};
use crate::interp;
#[cfg(feature = "jit")]
use crate::jit::{self, Compiler, Counting, JitError, Native, Natives};
use crate::machine::{Addr, ProgId};

use std::sync::Arc;

/// What runs programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The interpreter.
    #[default]
    Interpreter,
    /// Native code, compiled when a program is loaded.
    #[cfg(feature = "jit")]
    Jit(Counting),
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Engine::Interpreter => "interpreter",
            #[cfg(feature = "jit")]
            Engine::Jit(_) => "jit",
        })
    }
}

/// Why an engine does not take a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no native code of it.
    #[cfg(feature = "jit")]
    #[error(transparent)]
    Jit(#[from] JitError),
}

/// A program, ready to run.
#[derive(Clone, Debug)]
pub struct Ready {
    code: Arc<Code>,
    #[cfg(feature = "jit")]
    native: Option<Arc<Native>>,
}

impl Ready {
    /// What was made ready.
    pub fn code(&self) -> &Arc<Code> {
        &self.code
    }
}

/// The engine of a machine, and the programs that tail calls lead to.
#[derive(Debug)]
pub struct Engines {
    #[cfg(feature = "jit")]
    compiler: Option<(Compiler, Counting)>,
    #[cfg(feature = "jit")]
    natives: Natives,
}

impl Engines {
    /// An engine with no program.
    ///
    /// # Errors
    /// There is no native code on this host.
    #[cfg_attr(
        not(feature = "jit"),
        expect(clippy::unnecessary_wraps, reason = "only native code can be missing")
    )]
    pub fn new(engine: Engine) -> Result<Engines, EngineError> {
        Ok(match engine {
            Engine::Interpreter => Engines {
                #[cfg(feature = "jit")]
                compiler: None,
                #[cfg(feature = "jit")]
                natives: Natives::default(),
            },
            #[cfg(feature = "jit")]
            Engine::Jit(counting) => Engines {
                compiler: Some((Compiler::new()?, counting)),
                natives: Natives::default(),
            },
        })
    }

    /// Makes a program ready.
    ///
    /// # Errors
    /// It cannot be compiled.
    #[cfg_attr(
        not(feature = "jit"),
        expect(clippy::unnecessary_wraps, reason = "only compiling can fail")
    )]
    pub fn prepare(&self, code: &Arc<Code>) -> Result<Ready, EngineError> {
        #[cfg(feature = "jit")]
        let native = match &self.compiler {
            Some((compiler, counting)) => Some(Arc::new(compiler.compile(code, *counting)?)),
            None => None,
        };
        Ok(Ready {
            code: Arc::clone(code),
            #[cfg(feature = "jit")]
            native,
        })
    }

    /// Lets tail calls lead to a program; those of the interpreter follow the programs of the run.
    #[cfg_attr(
        not(feature = "jit"),
        expect(
            clippy::unused_self,
            unused_variables,
            reason = "only native code is kept"
        )
    )]
    pub fn insert(&mut self, id: ProgId, ready: &Ready) {
        #[cfg(feature = "jit")]
        if let Some(native) = &ready.native {
            self.natives.insert(id, Arc::clone(native));
        }
    }

    /// Runs a program from its start, `r1` pointing to the context.
    #[cfg_attr(
        not(feature = "jit"),
        expect(clippy::unused_self, reason = "only native code is kept")
    )]
    pub fn run(&self, ready: &Ready, env: &RunEnv<'_>, ctx: Addr) -> Outcome {
        #[cfg(feature = "jit")]
        if let Some(native) = &ready.native {
            return jit::run(native, &self.natives, env, ctx);
        }
        interp::run(&ready.code, env, ctx)
    }

    /// As [`Engines::run`], so many times, at least once, or until a run traps; does something after each but the last,
    /// whose outcome it gives.
    #[cfg_attr(
        not(feature = "jit"),
        expect(clippy::unused_self, reason = "only native code is kept")
    )]
    pub fn repeat(
        &self,
        (ready, ctx): (&Ready, Addr),
        env: &RunEnv<'_>,
        times: u32,
        between: impl Fn(),
    ) -> Outcome {
        #[cfg(feature = "jit")]
        if let Some(native) = &ready.native {
            return jit::repeat((native, ctx), &self.natives, env, (times, between));
        }
        for _ in 1..times {
            let outcome = interp::run(&ready.code, env, ctx);
            if outcome.result.is_err() {
                return outcome;
            }
            between();
        }
        interp::run(&ready.code, env, ctx)
    }

    /// Runs a function of a loaded program by itself.
    #[cfg_attr(
        not(feature = "jit"),
        expect(clippy::unused_self, reason = "only native code is kept")
    )]
    pub fn run_function(
        &self,
        (id, code): (ProgId, &Code),
        env: &RunEnv<'_>,
        start: Start,
    ) -> Outcome {
        #[cfg(feature = "jit")]
        if let (Some(_), Some(native)) = (&self.compiler, self.natives.get(id)) {
            return jit::run_function(native, &self.natives, env, start);
        }
        let _ = id;
        interp::run_function(code, env, start)
    }
}
