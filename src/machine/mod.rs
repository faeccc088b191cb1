//! The machine that programs run on: memory, CPUs, clock, randomness, tasks, and where output goes.
//!
//! It is not a helper, a map or an engine: those act on it.
//!
//! Rules:
//! - Everything is shared behind `&self` by any number of threads.
//! - No globals: two machines in one process know nothing of each other.
//! - The same machine, asked the same in the same order, answers the same: no host clock, no host
//!   randomness, no host addresses but those of guest memory, which are fixed where the host allows.

pub mod memory;
mod registry;

pub use memory::{
    Access, Addr, Fault, FaultReason, Memory, MemoryConfig, MemoryError, ObjectInfo, ObjectKind,
    ObjectSpec, OutOfMemory, Owner, ProgramAccess, Stride,
};
pub use registry::{LinkId, MapId, ProgId, Registry};
