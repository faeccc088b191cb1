//! A machine to call helpers on.

use std::sync::Arc;

use super::super::kfunc::{self, CallFacts};
use super::super::{
    Call, Engine, HelperError, Hook, Packet, Reply, RunState, Sysctl, World, entry,
};
use crate::abi::{MapType, ProgType};
use crate::btf::{BtfId, KindFilter, kernel_6_12};
use crate::machine::{
    Addr, CpuId, Errno, Layout, Machine, MachineConfig, MemoryConfig, ObjectKind, ObjectSpec,
    Owner, Part, PartKind, ProgId, SkBuff, Task, TimerId, XdpFrame,
};
use crate::maps::{Map, MapTable};
use crate::object::{Initial, MapSpec, Origin, Pinning};

/// A machine, and what the last call left.
pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) maps: MapTable,
    pub(crate) prog_type: ProgType,
    pub(crate) task: Task,
    pub(crate) task_struct: Option<Addr>,
    pub(crate) cpu: CpuId,
    pub(crate) hook: Hook<'static>,
    pub(crate) timer: Option<TimerId>,
    pub(crate) sysctl: Option<&'static Sysctl>,
    pub(crate) ctx: Addr,
    pub(crate) packet: Option<Owned>,
    pub(crate) engine: Recorder,
}

/// Where a member of one of the kernel's structures is.
pub(crate) fn member_offset(structure: &str, path: &str) -> i64 {
    let btf = kernel_6_12();
    let id = btf.find(structure, KindFilter::STRUCT).expect("a type");
    let member = btf.member_path(id, path).expect("a member");
    (member.bit_offset / 8).cast_signed()
}

/// A packet of either kind.
pub(crate) enum Owned {
    Xdp(XdpFrame),
    Skb(SkBuff),
}

impl Owned {
    pub(crate) fn packet(&self) -> Packet<'_> {
        match self {
            Owned::Xdp(frame) => Packet::Xdp(frame),
            Owned::Skb(skb) => Packet::Skb(skb),
        }
    }
}

/// Answers callbacks, and remembers with what they were called.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) state: RunState,
    pub(crate) called: Vec<[u64; 5]>,
    /// From this call on callbacks return 1.
    pub(crate) stop_at: Option<usize>,
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

    fn program(&self) -> Option<ProgId> {
        Some(ProgId(1))
    }
}

/// The handle of the one function there is.
pub(crate) const CALLBACK: u64 = 0xca11;

impl Bench {
    /// Releases the pointer that a field of a value holds, as when the value goes.
    pub(crate) fn release_pointer(&self, field: u64) {
        let part = Part {
            offset: 0,
            size: 8,
            kind: PartKind::Pointer,
        };
        let value = Layout {
            name: "value".into(),
            size: 8,
            parts: vec![part],
        };
        self.machine.objects.release_fields(Addr(field), &value);
    }

    pub(crate) fn new() -> Bench {
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
            timer: None,
            sysctl: None,
            ctx: Addr::NULL,
            packet: None,
            engine: Recorder::default(),
        }
    }

    pub(crate) fn object(&self, kind: ObjectKind, bytes: &[u8]) -> Addr {
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
    pub(crate) fn data(&self, bytes: &[u8]) -> u64 {
        self.object(ObjectKind::Data, bytes).0
    }

    /// Bytes of a user-space process.
    pub(crate) fn user(&self, bytes: &[u8]) -> u64 {
        self.object(ObjectKind::UserMemory, bytes).0
    }

    pub(crate) fn bytes(&self, addr: u64, len: u32) -> Vec<u8> {
        self.machine
            .memory
            .peek_vec(Addr(addr), len)
            .expect("in bounds")
    }

    pub(crate) fn word(&self, addr: u64) -> u64 {
        u64::from_le_bytes(self.bytes(addr, 8).try_into().expect("eight bytes"))
    }

    pub(crate) fn world(&self) -> World<'_> {
        World {
            task_struct: self.task_struct,
            hook: self.hook,
            timer: self.timer,
            sysctl: self.sysctl,
            packet: self.packet.as_ref().map(Owned::packet),
            cpu: self.cpu,
            ..World::new(&self.machine, &self.maps, self.prog_type, &self.task)
        }
    }

    /// Creates a map: name, type, key size, value size, entries, and perhaps flags.
    pub(crate) fn map(&self, text: &str) -> Arc<Map> {
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
            flags: sizes.get(3).copied().unwrap_or(0),
            extra: 0,
            key_type: None,
            value_type: None,
            fields: crate::object::Fields::default(),
            inner: None,
            initial: Initial::Empty,
            origin: Origin::Declared,
            pinning: Pinning::None,
        };
        self.create(&spec)
    }

    /// Creates task storage.
    pub(crate) fn local_storage(&self, name: &str, value_size: u32) -> Arc<Map> {
        self.storage_of(MapType::TaskStorage, name, value_size)
    }

    /// Creates storage of tasks, inodes, sockets or cgroups.
    pub(crate) fn storage_of(&self, map_type: MapType, name: &str, value_size: u32) -> Arc<Map> {
        let text = format!("{name} hash 4 {value_size} 1");
        self.create(&MapSpec {
            map_type,
            max_entries: 0,
            flags: crate::abi::map_type::flag::NO_PREALLOC,
            key_type: Some(BtfId(1)),
            value_type: Some(BtfId(1)),
            fields: crate::object::Fields::default(),
            ..self.map(&text).spec.clone()
        })
    }

    fn create(&self, spec: &MapSpec) -> Arc<Map> {
        let map = Map::create(&self.machine, spec).expect("creates");
        self.maps.insert(map.clone());
        map
    }

    pub(crate) fn reply<const N: usize>(&mut self, number: i32, args: [u64; N]) -> Reply {
        let entry = entry(number).expect("has a body");
        self.with_call(args, CallFacts::NONE, |call| entry.call(call))
    }

    /// Calls a kernel function of which nothing is known.
    pub(crate) fn kfunc_reply<const N: usize>(&mut self, name: &str, args: [u64; N]) -> Reply {
        self.kfunc_knowing(name, args, CallFacts::NONE)
    }

    /// Calls a kernel function of which the verifier knows something.
    pub(crate) fn kfunc_knowing<const N: usize>(
        &mut self,
        name: &str,
        args: [u64; N],
        facts: &CallFacts,
    ) -> Reply {
        let entry = kfunc::entry(name).expect("has a body");
        self.with_call(args, facts, |call| entry.call(call))
    }

    fn with_call<const N: usize>(
        &mut self,
        args: [u64; N],
        facts: &CallFacts,
        body: impl FnOnce(&mut Call<'_>) -> Reply,
    ) -> Reply {
        let mut all = [0; 5];
        all[..N].copy_from_slice(&args);
        let ctx = self.ctx;
        let mut engine = std::mem::take(&mut self.engine);
        let world = self.world();
        let reply = body(&mut Call {
            args: all,
            world: &world,
            facts,
            ctx,
            engine: &mut engine,
        });
        self.engine = engine;
        reply
    }

    /// Calls a kernel function, and gives `r0` as a number with a sign.
    pub(crate) fn kfunc<const N: usize>(&mut self, name: &str, args: [u64; N]) -> i64 {
        self.kfunc_reply(name, args).expect("does not trap") as i64
    }

    /// Calls a helper, and gives `r0` as a number with a sign.
    pub(crate) fn call<const N: usize>(&mut self, number: i32, args: [u64; N]) -> i64 {
        self.reply(number, args).expect("does not trap") as i64
    }
}

/// An error as `r0` holds it.
pub(crate) fn errno(errno: Errno) -> i64 {
    errno.as_return() as i64
}
