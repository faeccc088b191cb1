//! A machine to call helpers on.

use std::sync::Arc;

use super::super::{Call, Engine, HelperError, Hook, Packet, Reply, RunState, World, entry};
use crate::abi::{MapType, ProgType};
use crate::btf::BtfId;
use crate::machine::{
    Addr, CpuId, Errno, Machine, MachineConfig, MemoryConfig, ObjectKind, ObjectSpec, Owner,
    SkBuff, Task, XdpFrame,
};
use crate::maps::{Map, MapTable};
use crate::object::{Initial, MapSpec, Origin, Pinning};

/// A machine, and what the last call left.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) maps: MapTable,
    pub(super) prog_type: ProgType,
    pub(super) task: Task,
    pub(super) task_struct: Option<Addr>,
    pub(super) cpu: CpuId,
    pub(super) hook: Hook<'static>,
    pub(super) ctx: Addr,
    pub(super) packet: Option<Owned>,
    pub(super) engine: Recorder,
}

/// A packet of either kind.
pub(super) enum Owned {
    Xdp(XdpFrame),
    Skb(SkBuff),
}

impl Owned {
    pub(super) fn packet(&self) -> Packet<'_> {
        match self {
            Owned::Xdp(frame) => Packet::Xdp(frame),
            Owned::Skb(skb) => Packet::Skb(skb),
        }
    }
}

/// Answers callbacks, and remembers with what they were called.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) state: RunState,
    pub(super) called: Vec<[u64; 5]>,
    /// From this call on callbacks return 1.
    pub(super) stop_at: Option<usize>,
}

impl Engine for Recorder {
    fn callback(&mut self, handle: u64, args: [u64; 5]) -> Reply {
        if handle != CALLBACK {
            return Err(HelperError::BadCallback(handle));
        }
        self.called.push(args);
        Ok(u64::from(
            self.stop_at.is_some_and(|stop| self.called.len() > stop),
        ))
    }

    fn state(&mut self) -> &mut RunState {
        &mut self.state
    }
}

/// The handle of the one function there is.
pub(super) const CALLBACK: u64 = 0xca11;

impl Bench {
    pub(super) fn new() -> Bench {
        let memory = MemoryConfig {
            budget: 64 << 20,
            ..MemoryConfig::default()
        };
        let config = MachineConfig {
            memory,
            ..MachineConfig::default()
        };
        Bench {
            machine: Machine::new(config).expect("memory for a machine"),
            maps: MapTable::default(),
            prog_type: ProgType::Kprobe,
            task: Task::default(),
            task_struct: None,
            cpu: CpuId(0),
            hook: Hook::default(),
            ctx: Addr::NULL,
            packet: None,
            engine: Recorder::default(),
        }
    }

    pub(super) fn object(&self, kind: ObjectKind, bytes: &[u8]) -> Addr {
        let spec = ObjectSpec::new(kind, "object", Owner::Kernel);
        let addr = self
            .machine
            .memory
            .allocate(bytes.len() as u64, &spec)
            .expect("memory");
        self.machine.memory.poke(addr, bytes).expect("in bounds");
        addr
    }

    /// Bytes that programs may read and write.
    pub(super) fn data(&self, bytes: &[u8]) -> u64 {
        self.object(ObjectKind::Data, bytes).0
    }

    /// Bytes of a user-space process.
    pub(super) fn user(&self, bytes: &[u8]) -> u64 {
        self.object(ObjectKind::UserMemory, bytes).0
    }

    pub(super) fn bytes(&self, addr: u64, len: u32) -> Vec<u8> {
        self.machine
            .memory
            .peek_vec(Addr(addr), len)
            .expect("in bounds")
    }

    pub(super) fn word(&self, addr: u64) -> u64 {
        u64::from_le_bytes(self.bytes(addr, 8).try_into().expect("eight bytes"))
    }

    pub(super) fn world(&self) -> World<'_> {
        World {
            task_struct: self.task_struct,
            hook: self.hook,
            packet: self.packet.as_ref().map(Owned::packet),
            cpu: self.cpu,
            ..World::new(&self.machine, &self.maps, self.prog_type, &self.task)
        }
    }

    /// Creates a map: name, type, key size, value size, entries.
    pub(super) fn map(&self, text: &str) -> Arc<Map> {
        let words: Vec<&str> = text.split(' ').collect();
        let [name, map_type, sizes @ ..] = &words[..] else {
            panic!("{text}")
        };
        let sizes: Vec<u32> = sizes
            .iter()
            .map(|size| size.parse().expect("a number"))
            .collect();
        let spec = MapSpec {
            name: (*name).to_owned(),
            map_type: MapType::from_name(map_type).expect("a type"),
            key_size: sizes[0],
            value_size: sizes[1],
            max_entries: sizes[2],
            flags: 0,
            extra: 0,
            key_type: None,
            value_type: None,
            inner: None,
            initial: Initial::Empty,
            origin: Origin::Declared,
            pinning: Pinning::None,
        };
        self.create(&spec)
    }

    /// Creates task storage.
    pub(super) fn local_storage(&self, name: &str, value_size: u32) -> Arc<Map> {
        let text = format!("{name} hash 4 {value_size} 1");
        self.create(&MapSpec {
            map_type: MapType::TaskStorage,
            max_entries: 0,
            flags: crate::abi::map_type::flag::NO_PREALLOC,
            key_type: Some(BtfId(1)),
            value_type: Some(BtfId(1)),
            ..self.map(&text).spec.clone()
        })
    }

    fn create(&self, spec: &MapSpec) -> Arc<Map> {
        let map = Map::create(&self.machine, spec).expect("creates");
        self.maps.insert(map.clone());
        map
    }

    pub(super) fn reply<const N: usize>(&mut self, number: i32, args: [u64; N]) -> Reply {
        let mut all = [0; 5];
        all[..N].copy_from_slice(&args);
        let ctx = self.ctx;
        let mut engine = std::mem::take(&mut self.engine);
        let world = self.world();
        let mut call = Call {
            args: all,
            world: &world,
            ctx,
            engine: &mut engine,
        };
        let reply = entry(number).expect("has a body").call(&mut call);
        self.engine = engine;
        reply
    }

    /// Calls a helper, and gives `r0` as a number with a sign.
    pub(super) fn call<const N: usize>(&mut self, number: i32, args: [u64; N]) -> i64 {
        self.reply(number, args).expect("does not trap") as i64
    }
}

/// An error as `r0` holds it.
pub(super) fn errno(errno: Errno) -> i64 {
    errno.as_return() as i64
}
