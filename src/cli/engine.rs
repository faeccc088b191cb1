//! `--engine`: what runs programs.

use clap::ValueEnum;
use ebpf_sim::sim::Engine;

/// What runs programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Choice {
    /// The interpreter, which checks every access.
    #[default]
    Interp,
    /// Native code, which counts instructions as the interpreter does.
    #[cfg(feature = "jit")]
    Jit,
}

impl From<Choice> for Engine {
    fn from(choice: Choice) -> Engine {
        match choice {
            Choice::Interp => Engine::Interpreter,
            #[cfg(feature = "jit")]
            Choice::Jit => Engine::Jit(ebpf_sim::jit::Counting::On),
        }
    }
}
