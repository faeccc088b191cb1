//! The machine that programs run on: memory, CPUs, clock, randomness, tasks, and where output goes.
//!
//! It is not a helper, a map or an engine: those act on it.
//!
//! Rules:
//! - Everything is shared behind `&self` by any number of threads.
//! - No globals: two machines in one process know nothing of each other.
//! - The same machine, asked the same in the same order, answers the same: no host clock, no host
//!   randomness, no host addresses but those of guest memory, which are fixed where the host allows.

mod clock;
mod connections;
mod cpus;
mod descriptors;
mod errno;
mod grace;
mod holder;
pub mod memory;
mod network;
mod network_text;
mod objects;
pub mod packet;
mod random;
mod registry;
mod sequences;
mod sinks;
pub mod socket;
mod sockets;
mod task;
mod timers;

use std::sync::Arc;

pub use clock::{Clock, ClockConfig};
pub use connections::{ConnectionSpec, Connections, FlowBytes, FlowKey, FlowWay};
pub use cpus::{CpuId, Cpus, MAX_CPUS};
pub use descriptors::{Described, Descriptors};
pub use errno::Errno;
pub use grace::{Awaited, Grace, Limbo, Waiting};
pub use holder::{Holder, HolderKind, HolderTable};
pub use memory::{
    ARENA_PAGE, Access, Addr, Arena, ArenaError, ArenaPlace, Fault, FaultReason, MAX_ARENA_PAGES,
    Memory, MemoryConfig, MemoryError, ObjectInfo, ObjectKind, ObjectSpec, OutOfMemory, Owner,
    PAGE_PRESENT, ProgramAccess, Stride,
};
pub use network::{Device, Forwarding, Hop, LOCAL_TABLE, MAIN_TABLE, Neighbour, Network, Route};
pub use network_text::NetworkTextError;
pub use objects::{Copies, End, Layout, ObjectRefusal, ObjectTable, Part, PartKind};
pub use packet::{PacketError, SkBuff, SkbLayer, TunnelInfo, XdpFrame, XdpQueue};
pub use random::Random;
pub use registry::{LinkId, MapId, ProgId, Registry};
pub use sequences::Sequences;
pub use sinks::{TraceFlags, TracePipe};
pub use sockets::{OpenSocket, Protocol, SocketSpec, Sockets};
pub use task::{Comm, Namespaces, ROOT_CGROUP, Task, TaskTable};
pub use timers::{DueTimer, TimerCallback, TimerClock, TimerId, Timers, Waits};

use crate::abi::privilege::Capabilities;

/// What a machine is made as.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineConfig {
    /// Guest memory.
    pub memory: MemoryConfig,
    /// CPUs.
    pub cpus: Cpus,
    /// Clocks.
    pub clock: ClockConfig,
    /// Seed of its randomness.
    pub seed: u64,
    /// What those may do who make maps.
    pub capabilities: Capabilities,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// Guest memory.
    pub memory: Arc<Memory>,
    /// CPUs.
    pub cpus: Cpus,
    /// Clocks.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Which runs are under way, where several threads run programs.
    pub grace: Grace,
    /// Tasks.
    pub tasks: TaskTable,
    /// Objects that programs allocate.
    pub objects: Arc<ObjectTable>,
    /// What the kernel's objects in guest memory stand for, where storage hangs on them.
    pub holders: Arc<HolderTable>,
    /// What `bpf_trace_printk` wrote.
    pub trace: TracePipe,
    /// What those may do who make maps.
    pub capabilities: Capabilities,
    /// Ids.
    pub registry: Registry,
    /// Descriptors that programs have open.
    pub descriptors: Descriptors,
    /// Devices, routes and neighbours, which maps of devices know too.
    pub network: Arc<Network>,
    /// Connections that are tracked.
    pub connections: Connections,
    /// Open sockets.
    pub sockets: Arc<Sockets>,
    /// What iterators write.
    pub sequences: Sequences,
    /// Timers in map values, which maps know too.
    pub timers: Arc<Timers>,
}

impl Machine {
    /// A machine as configured, with its first tasks and nothing else.
    pub fn new(config: MachineConfig) -> Result<Machine, MemoryError> {
        let memory = Arc::new(Memory::new(config.memory)?);
        let holders = Arc::<HolderTable>::default();
        let grace = Grace::default();
        let objects = ObjectTable::new(Arc::clone(&memory), Arc::clone(&holders), grace.awaited());
        Ok(Machine {
            objects: Arc::new(objects),
            memory,
            cpus: config.cpus,
            clock: Clock::new(config.clock),
            random: Random::new(config.seed),
            grace,
            tasks: TaskTable::default(),
            holders,
            trace: TracePipe::default(),
            capabilities: config.capabilities,
            registry: Registry::default(),
            descriptors: Descriptors::default(),
            network: Arc::default(),
            connections: Connections::default(),
            sockets: Arc::default(),
            sequences: Sequences::default(),
            timers: Arc::default(),
        })
    }
}
