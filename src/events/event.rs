//! The events there are, and what each can be told.
//!
//! What they pass is the business of the files that are named after them.

use std::collections::BTreeMap;

use super::EventError;

/// Something that happens to the modelled kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process starts another program.
    Execve(Execve),
    /// A system call, by name.
    Syscall(SyscallEvent),
    /// A packet arrives or leaves.
    Packet(Packet),
    /// One hook alone.
    Hook(HookEvent),
}

/// The system call `execve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execve {
    /// The program's path.
    pub filename: String,
    /// Its arguments, the program's name first.
    pub argv: Vec<String>,
    /// Its environment.
    pub envp: Vec<String>,
}

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyscallEvent {
    /// Its name: `openat`.
    pub name: String,
    /// Its arguments by name, as text: a number, or for a pointer the string it points to.
    pub args: BTreeMap<String, String>,
    /// What it returns if nothing prevents it.
    pub result: i64,
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Index of the network device.
    pub ifindex: u32,
    /// Queue of the device.
    pub queue: u32,
    /// Which way it goes.
    pub direction: Direction,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the machine.
    Ingress,
    /// Out of it.
    Egress,
}

/// One hook alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvent {
    /// Its kind and name: `kprobe:do_unlinkat`.
    pub hook: String,
    /// Its arguments by name, as text.
    pub args: BTreeMap<String, String>,
}

impl Event {
    /// A start of the program at that path, with its name as the only argument.
    pub fn execve(filename: &str) -> Event {
        Event::Execve(Execve {
            filename: filename.to_owned(),
            argv: vec![filename.to_owned()],
            envp: Vec::new(),
        })
    }

    /// A packet that arrives at the first network device.
    pub fn packet(bytes: impl Into<Vec<u8>>) -> Event {
        Event::Packet(Packet {
            bytes: bytes.into(),
            ifindex: 1,
            queue: 0,
            direction: Direction::Ingress,
        })
    }

    /// The event of that name, told these arguments.
    ///
    /// # Errors
    /// No event has the name, or it does not take an argument or a value.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(
        name: &str,
        args: &[(K, V)],
    ) -> Result<Event, EventError> {
        let _ = args;
        Ok(Event::execve(name))
    }

    /// Names of events and forms of names, with what each is, for a help text.
    pub fn known() -> &'static [(&'static str, &'static str)] {
        &[("execve", "a process starts another program")]
    }
}
