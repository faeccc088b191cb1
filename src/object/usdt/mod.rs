//! Static probes of executables and libraries (USDT): where they are, and where their arguments lie.
//!
//! It reads an ELF file for any machine that programs may trace, and runs nothing.
//!
//! Rules, after libbpf's `usdt.c` (1.5 and, for indexed arguments, 1.7; used under its BSD-2-Clause licence):
//! - Probes are the notes `stapsdt` of type 3 in `.note.stapsdt`. Their addresses move with `.stapsdt.base`.
//! - A probe lies in an executable segment, its semaphore in one that is not.
//! - Arguments are read only of probes that are asked for: one that cannot be read hinders no others.

mod argument;
mod notes;

use std::fmt;

pub use argument::{Argument, ArgumentPlace};

/// The most arguments of a probe that programs can be told of (`BPF_USDT_MAX_ARG_CNT`).
pub const MAX_ARGUMENTS: usize = 12;

/// The probes of an executable or a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Its path, as programs name it.
    pub path: String,
    /// What it runs on.
    pub machine: Machine,
    /// Its probes, in the order of their notes.
    pub probes: Vec<Probe>,
}

/// One place of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Who provides it.
    pub provider: String,
    /// Its name there.
    pub name: String,
    /// Where its arguments lie, as the note has it: `-4@%edi 8@-16(%rbp)`.
    pub arguments: String,
    /// Its address.
    pub address: u64,
    /// Where it lies in the file, which is what a kernel is asked to trace.
    pub offset: u64,
    /// Where in the file its semaphore lies, if it has one.
    pub semaphore: Option<u64>,
}

/// What an executable runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// `EM_X86_64`.
    X86,
    /// `EM_AARCH64`.
    Arm64,
    /// `EM_RISCV`, of 64 bits.
    Riscv,
    /// `EM_S390`, of 64 bits.
    S390,
}

/// Why probes cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsdtError {
    /// The file is no ELF file of 64 bits, is cut off, or is no executable and no library.
    #[error("want an executable or a library of 64 bits: {reason}")]
    NotExecutable {
        /// What is wrong.
        reason: &'static str,
    },
    /// A machine whose arguments are not known.
    #[error("not supported yet: probes of executables for ELF machine {machine}")]
    Machine {
        /// `e_machine`.
        machine: u16,
    },
    /// There are no probes at all.
    #[error("no section .note.stapsdt in the file: it has no probes")]
    NoNotes,
    /// A note is not one of a probe.
    #[error("the note at {at:#x} of .note.stapsdt is broken: {reason}")]
    Note {
        /// Its offset in the section.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// An address outside of the file.
    #[error("no segment of the file has the {what} of {provider}:{name} at {address:#x}")]
    NoSegment {
        /// The provider.
        provider: String,
        /// The probe.
        name: String,
        /// `probe` or `semaphore`.
        what: &'static str,
        /// The address.
        address: u64,
    },
    /// A probe where nothing is executed, or a semaphore where something is.
    #[error("the segment with the {what} of {provider}:{name} at {address:#x} is {is}")]
    WrongSegment {
        /// The provider.
        provider: String,
        /// The probe.
        name: String,
        /// `probe` or `semaphore`.
        what: &'static str,
        /// The address.
        address: u64,
        /// `executable` or `not executable`.
        is: &'static str,
    },
    /// There is no such probe.
    #[error("no probe {provider}:{name} in the file; there are {known}")]
    NoProbe {
        /// The provider.
        provider: String,
        /// The probe.
        name: String,
        /// Those that there are, as text.
        known: String,
    },
    /// More arguments than programs can be told of.
    #[error("{provider}:{name} has more than {MAX_ARGUMENTS} arguments")]
    TooMany {
        /// The provider.
        provider: String,
        /// The probe.
        name: String,
    },
    /// An argument that cannot be read.
    #[error("argument {index} of {provider}:{name}, `{text}`: {reason}")]
    Argument {
        /// The provider.
        provider: String,
        /// The probe.
        name: String,
        /// Its number, from 0.
        index: usize,
        /// The rest of the text, from it on.
        text: String,
        /// What is wrong.
        reason: String,
    },
}

impl Executable {
    /// Reads the probes of a file, which programs name by `path`.
    ///
    /// # Errors
    /// The file is none that can be traced, has no probes, or has broken ones.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Executable, UsdtError> {
        let (machine, probes) = notes::parse(bytes)?;
        Ok(Executable {
            path: path.to_owned(),
            machine,
            probes,
        })
    }

    /// The places of a probe.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, provider: &str, name: &str) -> Result<Vec<&Probe>, UsdtError> {
        let is_it = |probe: &&Probe| probe.provider == provider && probe.name == name;
        let found: Vec<&Probe> = self.probes.iter().filter(is_it).collect();
        if found.is_empty() {
            let mut known: Vec<String> = self.probes.iter().map(Probe::to_string).collect();
            known.sort();
            known.dedup();
            return Err(UsdtError::NoProbe {
                provider: provider.to_owned(),
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
        Ok(found)
    }
}

impl Probe {
    /// Where the arguments lie.
    ///
    /// # Errors
    /// The text of the note says nothing that is understood.
    pub fn places(&self, machine: Machine) -> Result<Vec<Argument>, UsdtError> {
        argument::parse(self, machine)
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.name)
    }
}
