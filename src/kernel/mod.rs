//! The real Linux kernel, as an oracle: it is handed maps, programs and inputs, and answers with
//! verdicts, results and contents.
//!
//! It is not a loader and judges nothing. What goes in is what [`crate::object`] linked, so that
//! our loader is under test too; nothing else in the library needs this module.
//!
//! Rules:
//! - A [`Job`] is plain data with everything that is needed, and a
//!   [`JobResult`] everything that was observed: both travel to a guest and back.
//! - Whoever does a job implements [`Kernel`]. What the kernel refuses is a result; only what keeps
//!   it from being asked is a [`KernelError`].
//! - Nothing outlives a job: maps, programs and links are descriptors that are closed with it.

mod convert;
mod errno;
pub mod host;
pub mod job;
pub mod log;
mod records;
pub mod vm;

use std::sync::Arc;

use crate::btf::Btf;

pub use convert::attach_point;
pub use errno::errno_name;
pub use job::{Job, JobResult, KernelInfo};

/// A real kernel that does jobs.
pub trait Kernel {
    /// Which kernel it is.
    fn info(&self) -> &KernelInfo;

    /// Its types, by which objects are linked for it; `None` where they are not known.
    fn btf(&mut self) -> Option<Arc<Btf>> {
        None
    }

    /// Its configuration, as text or packed by gzip; `None` where it is not known.
    fn config(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Its symbols, as `/proc/kallsyms` has them; `None` where they are not known.
    fn symbols(&mut self) -> Option<String> {
        None
    }

    /// Does a job: makes its maps, loads its programs, runs them in order, reads the maps.
    ///
    /// # Errors
    /// The kernel cannot be asked at all.
    fn execute(&mut self, job: &Job) -> Result<JobResult, KernelError>;
}

/// Why a kernel cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The caller may not use bpf(2).
    #[error("bpf(2) is not permitted: {missing}")]
    Permission {
        /// What is missing: a capability, a sysctl's value.
        missing: String,
    },
    /// The system has no bpf(2), or an interface beside it that is needed is not there.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// A job or its result does not decode.
    #[error("a {what} does not decode: {source}")]
    Wire {
        /// `job` or `result`.
        what: &'static str,
        /// Where it breaks.
        source: postcard::Error,
    },
    /// The virtual machine that runs it cannot be had, or is gone.
    #[error(transparent)]
    Vm(#[from] vm::VmError),
}
