//! The events there are, and what each can be told.
//!
//! What they pass is the business of the files that are named after them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::machine::Task;

use super::skb_fields::SkbFields;
use super::{
    EventError, Passage, PlaceEvent, UsdtEvent, Values, execve, packet, place, single, syscall,
    usdt,
};

/// Something that happens to the modelled kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process starts another program.
    Execve(Execve),
    /// A system call, by name.
    Syscall(SyscallEvent),
    /// A packet arrives or leaves.
    Packet(Packet),
    /// A static probe of an executable is passed.
    Usdt(UsdtEvent),
    /// One hook alone.
    Hook(HookEvent),
    /// Nothing, for so many nanoseconds: timers fire.
    Sleep(u64),
    /// What programs of a section are for that no other event reaches.
    Place(PlaceEvent),
    /// Somebody reads iterators.
    Iterate(IterateEvent),
}

/// A reading of iterators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IterateEvent {
    /// What they go through: `task`, `bpf_map`, `bpf_map_elem`.
    pub target: String,
    /// The map whose elements are read.
    pub map: Option<String>,
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
    /// What it returns if nothing prevents it, where that is not what it usually does.
    pub result: Option<i64>,
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
    /// What it carries beside its bytes.
    pub fields: SkbFields,
    /// Which socket it belongs to.
    pub socket: PacketSocket,
}

/// Which socket a packet belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PacketSocket {
    /// That of its flow, on the way out and at hooks of cgroups.
    #[default]
    OfFlow,
    /// One that was never opened, at every hook: that of a kernel's test runs.
    OfTestRun,
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
            fields: SkbFields::default(),
            socket: PacketSocket::OfFlow,
        })
    }

    /// A system call by name, with arguments as text.
    pub fn syscall(name: &str, args: &[(&str, &str)]) -> Event {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let args = args.iter().map(owned).collect();
        Event::Syscall(SyscallEvent {
            name: name.to_owned(),
            args,
            result: None,
        })
    }

    /// The way of the event on behalf of a task.
    ///
    /// # Errors
    /// There is no such system call or hook.
    pub fn passage(&self, task: &Arc<Task>) -> Result<Passage, EventError> {
        match self {
            Event::Execve(event) => Ok(execve::passage(event, task)),
            Event::Syscall(event) => syscall::passage(event, task),
            Event::Packet(event) => Ok(packet::passage(event, task)),
            Event::Usdt(event) => Ok(usdt::passage(event, task)),
            Event::Hook(event) => single::passage(event, task),
            Event::Place(event) => place::passage(event, task),
            Event::Sleep(_) | Event::Iterate(_) => {
                Ok(Passage::new(Arc::clone(task), Values::default()))
            }
        }
    }
}
