//! Why a guest cannot be had, or is gone.
//!
//! What the kernel in it says of a program is no error.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::console::Console;

/// Why a guest cannot be had, or is gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VmError {
    /// What follows `vm:` is not understood.
    #[error("`vm:{got}`: {reason}")]
    Target {
        /// What was given after `vm:`.
        got: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No image of the wanted version.
    #[error(
        "no kernel image of version {wanted} in {}, found: {}; \
         docs/kernel-images.md says how to get one",
        folder.display(),
        list(found)
    )]
    ImageMissing {
        /// The version.
        wanted: String,
        /// Where was looked.
        folder: PathBuf,
        /// The releases that are there.
        found: Vec<String>,
    },
    /// An image cannot be read.
    #[error("kernel image {}: {source}", path.display())]
    ImageUnreadable {
        /// The image.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no kernel image.
    #[error("{} is not an x86 kernel image (bzImage)", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// qemu is not installed.
    #[error("{} is not found: install qemu (Debian: qemu-system-x86)", program.display())]
    QemuMissing {
        /// What was looked for.
        program: PathBuf,
    },
    /// qemu cannot be started.
    #[error("cannot start {}: {source}", program.display())]
    QemuStart {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The executable that is to be the guest's init cannot be used as such.
    #[error("{} cannot be the guest's init: {reason}", path.display())]
    Executable {
        /// The executable, or a library of it.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A shared library of the executable is in none of the places a loader looks.
    #[error("{name}, which {} needs, is not found", by.display())]
    Library {
        /// The library.
        name: String,
        /// Who needs it.
        by: PathBuf,
    },
    /// The guest's first root, which lies in memory only, cannot be made.
    #[error("cannot make the guest's initramfs of {size} bytes in memory: {source}")]
    Initramfs {
        /// Its size.
        size: usize,
        /// What the system says.
        source: std::io::Error,
    },
    /// KVM is there and does not work.
    #[error("KVM does not work here: {reason}")]
    Kvm {
        /// How that showed.
        reason: String,
    },
    /// qemu ended by itself with a failure.
    #[error("qemu failed ({status}): {}", stderr.text().trim())]
    QemuFailed {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: Console,
    },
    /// qemu was killed.
    #[error("qemu was killed by signal {signal}{console}")]
    QemuKilled {
        /// The signal.
        signal: i32,
        /// The guest's last words.
        console: Console,
    },
    /// The guest's kernel panicked.
    #[error("the guest's kernel panicked: {reason}{console}")]
    Panic {
        /// What it says.
        reason: String,
        /// The guest's last words.
        console: Console,
    },
    /// The guest ended without a reason that could be found.
    #[error("the guest ended unexpectedly{console}")]
    Ended {
        /// The guest's last words.
        console: Console,
    },
    /// The guest did not come up in time.
    #[error("the guest did not come up within {} s{console}", limit.as_secs())]
    BootTimeout {
        /// The limit.
        limit: Duration,
        /// The guest's last words.
        console: Console,
    },
    /// A job was not done in time.
    #[error("the guest did not finish a job within {} s{console}", limit.as_secs())]
    JobTimeout {
        /// The limit.
        limit: Duration,
        /// The guest's last words.
        console: Console,
    },
    /// What the guest says makes no sense.
    #[error("the guest sent {what}{console}")]
    Protocol {
        /// What it sent.
        what: String,
        /// The guest's last words.
        console: Console,
    },
    /// The guest is well and cannot do a job.
    #[error("in the guest: {reason}")]
    Guest {
        /// What it says.
        reason: String,
    },
}

impl VmError {
    /// What is known of the guest's console.
    #[must_use]
    pub fn console(&self) -> Option<&Console> {
        match self {
            VmError::QemuKilled { console, .. }
            | VmError::Panic { console, .. }
            | VmError::Ended { console }
            | VmError::BootTimeout { console, .. }
            | VmError::JobTimeout { console, .. }
            | VmError::Protocol { console, .. } => Some(console),
            VmError::Target { .. }
            | VmError::ImageMissing { .. }
            | VmError::ImageUnreadable { .. }
            | VmError::NotAnImage { .. }
            | VmError::QemuMissing { .. }
            | VmError::QemuStart { .. }
            | VmError::Executable { .. }
            | VmError::Library { .. }
            | VmError::Initramfs { .. }
            | VmError::Kvm { .. }
            | VmError::QemuFailed { .. }
            | VmError::Guest { .. } => None,
        }
    }
}

fn list(found: &[String]) -> String {
    match found {
        [] => "none".to_owned(),
        found => found.join(", "),
    }
}
