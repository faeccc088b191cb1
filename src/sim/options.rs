//! What a simulated kernel is made as.

use std::sync::Arc;

use crate::abi::privilege::Loader;
use crate::btf::Btf;
use crate::code::DEFAULT_FUEL;
use crate::machine::{ClockConfig, Cpus, MemoryConfig, Task};
use crate::object::{Autoload, Setup, TargetPrograms};
use crate::verifier::LogLevel;

use super::Engine;

/// What a [`Sim`](super::Sim) is made as.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the machine's randomness.
    pub seed: u64,
    /// How many CPUs there are; programs run on the first.
    pub cpus: Cpus,
    /// Where time comes from.
    pub clock: ClockConfig,
    /// How large guest memory may grow.
    pub memory: MemoryConfig,
    /// The modelled kernel's types; `None` stands for the embedded Linux 6.12, which is read only
    /// when something needs it.
    pub kernel_btf: Option<Arc<Btf>>,
    /// The modelled kernel's configuration and symbols, and values for the variables of objects.
    pub setup: Arc<Setup>,
    /// The types of its modules, split from the kernel's.
    pub module_btfs: Vec<Arc<Btf>>,
    /// The programs whose functions those of objects replace or trace.
    pub target: Option<Arc<TargetPrograms>>,
    /// Which programs of an object are loaded.
    pub programs: Selection,
    /// Whether programs are judged.
    pub verify: Verify,
    /// Who loads programs, and with which flags.
    pub loader: Loader,
    /// How much the verifier logs.
    pub log_level: LogLevel,
    /// What runs programs.
    pub engine: Engine,
    /// How many instructions a run may take; native code that does not count them stops only what
    /// does not end by itself.
    pub fuel: u64,
    /// Who is current when an event happens.
    pub task: Task,
}

/// Which programs of an object are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that load without being asked for: all but those of `SEC("?…")`.
    Autoload,
    /// Those of these names.
    Named(Vec<String>),
}

impl Selection {
    /// Whether a program is loaded.
    pub fn takes(&self, name: &str, autoload: Autoload) -> bool {
        match self {
            Selection::Autoload => autoload == Autoload::Yes,
            Selection::Named(names) => names.iter().any(|one| one == name),
        }
    }
}

/// Whether programs are judged before they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// All are, and what is refused does not run.
    Always,
    /// None is: each access is still checked when it happens.
    Never,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 0,
            cpus: Cpus::default(),
            clock: ClockConfig::default(),
            memory: MemoryConfig::default(),
            kernel_btf: None,
            setup: Arc::default(),
            module_btfs: Vec::new(),
            target: None,
            programs: Selection::Autoload,
            verify: Verify::Always,
            loader: Loader::default(),
            log_level: LogLevel::Failure,
            engine: Engine::default(),
            fuel: DEFAULT_FUEL,
            task: Task::default(),
        }
    }
}
