//! What an event has in guest memory: strings and registers of the caller, and the kernel's objects.
//!
//! Everything is made when something first refers to it, and freed with the scene.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::abi::tracepoints::{self, Syscall};
use crate::btf::{self, Btf};
use crate::isa::Size;
use crate::machine::{Addr, CpuId, Machine, ObjectKind, ObjectSpec, Owner, ProgramAccess, Task};

use super::operation::Operand;
use super::wire::Wire;
use super::{EventError, Given, Named, Packet, Passage, UsdtEvent, Values};

/// Offsets in x86-64's `struct pt_regs`.
pub(super) mod regs {
    pub(crate) const CX: u32 = 88;
    pub(crate) const R10: u32 = 56;
    pub(crate) const R9: u32 = 64;
    pub(crate) const R8: u32 = 72;
    pub(crate) const AX: u32 = 80;
    pub(crate) const DX: u32 = 96;
    pub(crate) const SI: u32 = 104;
    pub(crate) const DI: u32 = 112;
    pub(crate) const ORIG_AX: u32 = 120;
    pub(crate) const IP: u32 = 128;
    pub(crate) const CS: u32 = 136;
    pub(crate) const FLAGS: u32 = 144;
    pub(crate) const SP: u32 = 152;
    pub(crate) const SS: u32 = 160;
    pub(crate) const SIZE: u64 = 168;
    /// Where a system call finds its arguments.
    pub(crate) const SYSCALL: [u32; 6] = [DI, SI, DX, R10, R8, R9];
    /// Where a function finds its arguments.
    pub(crate) const CALL: [u32; 6] = [DI, SI, DX, CX, R8, R9];
}

/// What `ax` holds while a system call has no result yet (`-ENOSYS`).
const NO_RESULT: u64 = (-38i64).cast_unsigned();

/// Where the caller's code and stack are said to be.
pub(super) const USER_IP: u64 = 0x5555_5555_5000;
pub(super) const USER_SP: u64 = 0x7fff_ffff_e000;
const USER_CS: u64 = 0x33;
const USER_SS: u64 = 0x2b;
const FLAGS_INTERRUPTS: u64 = 0x246;

/// What one event has in guest memory.
#[derive(Debug)]
pub struct Scene<'a> {
    pub(super) machine: &'a Machine,
    btf: Option<&'a Btf>,
    pub(super) values: Values,
    pub(super) syscall: Option<Syscall>,
    owned: Vec<Addr>,
    /// Strings by place and text.
    strings: BTreeMap<(Space, String), Addr>,
    /// Objects by kind and number or name.
    pub(super) objects: BTreeMap<(String, String), Addr>,
    /// What the operation is given to work on: the names of its arguments, and where and what they are.
    pub(super) operands: Vec<Operand>,
    /// Sessions that do not run at the return of their function.
    pub(super) declined: BTreeSet<(String, String)>,
    pub(super) named: Named,
    pub(super) packet: Option<Packet>,
    pub(super) usdt: Option<UsdtEvent>,
    pub(super) wire: Option<Wire>,
    /// The user that the event's sockets belong to.
    pub(super) user: u32,
    /// The CPU that it happens on.
    pub(super) cpu: CpuId,
}

/// Where a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    User,
    Kernel,
}

impl<'a> Scene<'a> {
    /// The scene of an event, empty so far. `btf` has the kernel's types; `None` stands for the
    /// embedded Linux 6.12.
    pub fn new(machine: &'a Machine, btf: Option<&'a Btf>, passage: &Passage) -> Scene<'a> {
        Scene {
            machine,
            btf,
            values: passage.values.clone(),
            syscall: passage.syscall().and_then(tracepoints::syscall_by_name),
            owned: Vec::new(),
            strings: BTreeMap::new(),
            objects: BTreeMap::new(),
            operands: Vec::new(),
            declined: BTreeSet::new(),
            named: passage.named(),
            packet: passage.packet().cloned(),
            usdt: passage.usdt().cloned(),
            wire: None,
            user: passage.task().uid,
            cpu: CpuId::default(),
        }
    }

    /// The same on another CPU than the first.
    #[must_use]
    pub fn on(mut self, cpu: CpuId) -> Scene<'a> {
        self.cpu = cpu;
        self
    }

    /// The CPU that the event happens on.
    pub fn cpu(&self) -> CpuId {
        self.cpu
    }

    pub(super) fn btf(&self) -> &'a Btf {
        self.btf.unwrap_or_else(|| btf::kernel_6_12())
    }

    /// A zeroed object that lives as long as the scene.
    pub(super) fn allocate(&mut self, len: u64, spec: &ObjectSpec) -> Result<Addr, EventError> {
        let addr = self.machine.memory.allocate(len, spec)?;
        self.owned.push(addr);
        Ok(addr)
    }

    /// A zeroed structure of the kernel, which programs may read.
    pub(super) fn structure(&mut self, len: u64, name: &str) -> Result<Addr, EventError> {
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name, Owner::Kernel);
        self.allocate(len, &spec.with_access(ProgramAccess::ReadOnly))
    }

    /// Sets a number in an object of ours. Types that put a field outside of its structure leave it
    /// unset.
    pub(super) fn put(&self, at: Addr, off: u64, size: Size, value: u64) {
        let place = at.offset(off.cast_signed());
        let _outside = self.machine.memory.poke_uint(place, size, value);
    }

    /// Sets bytes in an object of ours, as [`Scene::put`].
    pub(super) fn put_bytes(&self, at: Addr, off: u64, bytes: &[u8]) {
        let place = at.offset(off.cast_signed());
        let _outside = self.machine.memory.poke(place, bytes);
    }

    /// A string with its zero.
    pub(super) fn string(&mut self, space: Space, text: &str) -> Result<Addr, EventError> {
        let key = (space, text.to_owned());
        if let Some(addr) = self.strings.get(&key) {
            return Ok(*addr);
        }
        let spec = match space {
            Space::User => user_memory("string"),
            Space::Kernel => ObjectSpec::new(ObjectKind::KernelObject, "string", Owner::Kernel)
                .with_access(ProgramAccess::ReadOnly),
        };
        let addr = self.allocate(text.len() as u64 + 1, &spec)?;
        self.put_bytes(addr, 0, text.as_bytes());
        self.strings.insert(key, addr);
        Ok(addr)
    }

    /// The number that stands for a value: itself, or the address of what it is.
    pub(super) fn number_of(&mut self, space: Space, value: &Given) -> Result<u64, EventError> {
        match value {
            Given::Number(number) => Ok(*number),
            Given::Text(text) => self.string(space, text).map(|addr| addr.0),
            Given::List(list) => self.list(space, list).map(|addr| addr.0),
        }
    }

    /// An array of pointers to strings, with a null pointer at its end.
    fn list(&mut self, space: Space, list: &[String]) -> Result<Addr, EventError> {
        let key = ("strings".to_owned(), list.join("\0"));
        if let Some(addr) = self.objects.get(&key) {
            return Ok(*addr);
        }
        let mut pointers = Vec::new();
        for text in list {
            pointers.extend(self.string(space, text)?.0.to_le_bytes());
        }
        pointers.extend(0u64.to_le_bytes());
        let addr = self.allocate(pointers.len() as u64, &user_memory("pointers"))?;
        self.put_bytes(addr, 0, &pointers);
        self.objects.insert(key, addr);
        Ok(addr)
    }

    /// The arguments of the system call under way.
    pub(super) fn syscall_args(&mut self) -> Result<Vec<u64>, EventError> {
        let call = self.syscall.clone();
        let mut args = Vec::new();
        for (name, _) in call.iter().flat_map(|call| &call.args) {
            let value = self.values.get(name).cloned();
            args.push(value.map_or(Ok(0), |value| self.number_of(Space::User, &value))?);
        }
        Ok(args)
    }

    /// The number of the system call under way, or one that was given.
    pub(super) fn syscall_number(&self) -> u64 {
        let number = self.syscall.as_ref().map(|call| u64::from(call.number));
        number.or_else(|| self.values.number("id")).unwrap_or(0)
    }

    /// The registers of user space, as the entry to the kernel saved them.
    ///
    /// # Errors
    /// There is no memory.
    pub fn user_regs(&mut self, returned: Option<i64>) -> Result<Addr, EventError> {
        let key = ("pt_regs".to_owned(), "user".to_owned());
        let addr = match self.objects.get(&key) {
            Some(addr) => *addr,
            None => {
                let addr = self.structure(regs::SIZE, "pt_regs")?;
                let args = self.syscall_args()?;
                for (off, arg) in regs::SYSCALL.into_iter().zip(args) {
                    self.put(addr, u64::from(off), Size::DW, arg);
                }
                self.put(
                    addr,
                    u64::from(regs::ORIG_AX),
                    Size::DW,
                    self.syscall_number(),
                );
                for (off, value) in [
                    (regs::IP, USER_IP),
                    (regs::SP, USER_SP),
                    (regs::CS, USER_CS),
                    (regs::SS, USER_SS),
                    (regs::FLAGS, FLAGS_INTERRUPTS),
                ] {
                    self.put(addr, u64::from(off), Size::DW, value);
                }
                self.objects.insert(key, addr);
                addr
            }
        };
        let ax = returned.map_or(NO_RESULT, i64::cast_unsigned);
        self.put(addr, u64::from(regs::AX), Size::DW, ax);
        Ok(addr)
    }

    /// The task that a value of that name means: the current one, unless another takes part.
    pub(super) fn task_named(&self, name: &str, current: &Arc<Task>) -> Arc<Task> {
        let by_pid = |value: &str| {
            let pid = u32::try_from(self.values.number(value)?).ok()?;
            self.machine.tasks.get(pid)
        };
        let idle = || self.machine.tasks.get(0);
        let other = match name {
            "next" => by_pid("next_pid").or_else(idle),
            "prev" => by_pid("prev_pid"),
            "child" => Some(self.child(current)),
            _ => None,
        };
        other.unwrap_or_else(|| Arc::clone(current))
    }

    fn child(&self, current: &Task) -> Arc<Task> {
        let pid = self
            .values
            .number("child_pid")
            .and_then(|pid| u32::try_from(pid).ok());
        let pid = pid.unwrap_or_else(|| super::syscall::child_pid(current));
        Arc::new(Task {
            pid,
            tgid: pid,
            ppid: current.tgid,
            ..current.clone()
        })
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take() {
            wire.free(self.machine);
        }
        for addr in self.owned.drain(..) {
            let Machine { objects, grace, .. } = self.machine;
            if objects.outlives_event(addr, grace) {
                continue;
            }
            self.machine.holders.remove(addr);
            self.machine.memory.free(addr);
        }
    }
}

pub(super) fn user_memory(name: &str) -> ObjectSpec {
    ObjectSpec::new(ObjectKind::UserMemory, name, Owner::Kernel)
}
