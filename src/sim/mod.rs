//! The library's front door: open objects, load programs, fire events, inspect what they left.
//!
//! There is no logic here: objects are parsed by [`crate::object`], programs judged by
//! [`crate::verifier`] and run by an [`Engine`], and what fires is said by [`crate::events`].
//!
//! Rules:
//! - Loading attaches: each accepted program is attached to what its section names. One that its
//!   object puts into a program array is not: it is there to be called.
//! - Programs at the same hook run in the order in which they were loaded.
//! - Every event happens to the task of the options, on the first CPU unless another is asked for.

mod arena;
mod at_once;
mod engine;
mod error;
mod fire;
mod inspect;
mod iterate;
mod kernel_functions;
mod load;
mod options;
mod prepared;
mod replace;
mod running;
mod surroundings;
mod timers;
mod usdt;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::code::{Programs, Stacks};
use crate::helpers::kfunc::{self, TrackError};
use crate::machine::{Addr, Comm, ConnectionSpec, Machine, MachineConfig, Owner, ProgId, Task};
use crate::maps::MapTable;

use fire::Attached;
use replace::Whole;
use usdt::Probes;

pub use arena::Variable;
pub use at_once::Turns;
pub use engine::{Engine, EngineError, Engines, Ready};
pub use error::{InspectError, LoadError, SimError};
pub use fire::{Firing, HookRun, ProgramRun, Unreached};
pub use inspect::{Entry, MapView, Record};
pub use load::{Load, LoadedProgram, Refusal, Verdict};
pub use options::{Options, Selection, Verify};
pub use prepared::{Prepared, Repeated};
pub use replace::ReplaceError;

/// A simulated kernel with what was loaded into it.
#[derive(Debug)]
pub struct Sim {
    options: Options,
    loads: Vec<Arc<Load>>,
    attached: Vec<Attached>,
    programs: Programs,
    engines: Engines,
    stacks: Stacks,
    /// Those of the CPUs after the first, as far as they were needed.
    other_stacks: Vec<Stacks>,
    maps: MapTable,
    /// Programs that others run in place of functions of.
    wholes: BTreeMap<ProgId, Whole>,
    /// Static probes that programs were told of.
    probes: Probes,
    /// Variables of the kernel, by their numbers in its types.
    variables: BTreeMap<u32, Addr>,
    task: Arc<Task>,
    machine: Machine,
}

impl Sim {
    /// A machine as the options say, with nothing loaded.
    ///
    /// # Errors
    /// The host does not give the memory, or it is too little.
    pub fn new(options: Options) -> Result<Sim, SimError> {
        let machine = Machine::new(MachineConfig {
            seed: options.seed,
            cpus: options.cpus,
            clock: options.clock,
            memory: options.memory,
            capabilities: options.loader.capabilities,
        })?;
        let engines = Engines::new(options.engine)?;
        let stacks = Stacks::new(&machine.memory, &Owner::Kernel)?;
        let task = machine.tasks.insert(options.task.clone());
        if machine.tasks.get(task.ppid).is_none() {
            machine.tasks.insert(parent_of(&task));
        }
        Ok(Sim {
            options,
            loads: Vec::new(),
            attached: Vec::new(),
            programs: Programs::default(),
            engines,
            stacks,
            other_stacks: Vec::new(),
            maps: MapTable::default(),
            wholes: BTreeMap::new(),
            probes: Probes::default(),
            variables: BTreeMap::new(),
            task,
            machine,
        })
    }

    /// Lets the machine know a connection, as if packets had gone both ways.
    ///
    /// # Errors
    /// There is one already, or the kernel tracks none.
    pub fn track(&mut self, connection: &ConnectionSpec) -> Result<(), TrackError> {
        kfunc::track(&self.machine, self.kernel_facts().btf(), connection)
    }

    /// Everything loaded, in order.
    pub fn loads(&self) -> &[Arc<Load>] {
        &self.loads
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What it was made as.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The lines that programs printed, as `trace_pipe` shows them.
    pub fn trace_lines(&self) -> Vec<String> {
        self.machine.trace.lines()
    }

    /// As [`Sim::trace_lines`], and forgets them.
    pub fn drain_trace(&mut self) -> Vec<String> {
        self.machine.trace.drain()
    }
}

/// A shell that has started the task, as a child of init.
fn parent_of(task: &Task) -> Task {
    Task {
        pid: task.ppid,
        tgid: task.ppid,
        ppid: 1,
        comm: Comm::new("bash"),
        filename: "/bin/bash".to_owned(),
        args: vec!["bash".to_owned()],
        ..task.clone()
    }
}

#[cfg(test)]
mod tests;
