//! Why something cannot be made, loaded or looked at.

use std::path::PathBuf;

use crate::machine::{Errno, MemoryError, OutOfMemory};
use crate::object::ObjectError;

use super::EngineError;

/// Why there is no simulated kernel.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// Guest memory cannot be set up.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Guest memory is too small for what every machine needs.
    #[error(transparent)]
    Room(#[from] OutOfMemory),
    /// The engine does not work here.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why an object is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
    /// It is no object, or a broken one.
    #[error("{name}: {source}")]
    Object {
        /// The object's file.
        name: String,
        /// What is wrong.
        source: Box<ObjectError>,
    },
}

/// Why a map or variable cannot be looked at or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// There is none of that name.
    #[error("no {what} is called `{name}`; there are: {known}")]
    Unknown {
        /// `map` or `variable`.
        what: &'static str,
        /// The name.
        name: String,
        /// Those there are, as text.
        known: String,
    },
    /// A key or value has the wrong size.
    #[error("{what} of {name} has {wanted} bytes, not {got}")]
    Size {
        /// `key` or `value`.
        what: &'static str,
        /// The map or variable.
        name: String,
        /// The size it has.
        wanted: u32,
        /// The size that was given.
        got: usize,
    },
    /// The map refuses.
    #[error("{name}: {errno}")]
    Refused {
        /// The map.
        name: String,
        /// The kernel's answer.
        errno: Errno,
    },
}
