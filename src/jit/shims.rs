//! What native code calls: functions with the host's calling convention, the run first.
//!
//! None of them is unsafe: what native code hands over are numbers, and guest memory checks its own
//! addresses. Each is named in [`Shim`], which says what it takes.
//!
//! Rules:
//! - A shim that cannot go on records a trap in the run and gives 0; native code then looks at the
//!   status and returns.
//! - `index` is the operation that calls, and what a trap names.

use crate::code::{Cause, Load, MAX_FRAMES, Op};
use crate::helpers::{self, HelperError};
use crate::isa::alu::extend;
use crate::isa::{LegacyMode, Reg, Size};
use crate::machine::{Access, Addr};

use super::state::Run;
use super::{arena, direct};

/// What a run stops for, when native code itself finds that it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Why {
    /// [`Cause::Unreached`].
    Unreached = 0,
    /// [`Cause::PastEnd`].
    PastEnd = 1,
    /// [`Cause::CallDepth`].
    CallDepth = 2,
    /// [`Cause::OutOfFuel`], at the operation itself.
    OutOfFuel = 3,
    /// [`Cause::OutOfFuel`], as many operations further as fuel is left.
    OutOfFuelAfter = 4,
}

/// A function that native code calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shim {
    /// Calls a helper or a kernel function: `index`, then so many arguments.
    Helper(u8),
    /// Stops the run: `index`, [`Why`].
    Stop,
    /// Checks an access and stops the run if it is refused: `index`, address.
    Check,
    /// A load that reads zero where it is refused: address, number of the size.
    Probe,
    /// A load that may be one of the context: `index`, address.
    LoadContext,
    /// A checked atomic operation: `index`, address, operand, `r0`. Gives the old value.
    Atomic,
    /// A load in the arena: `index`, the base register. Gives what the instruction loads.
    LoadArena,
    /// A store there: `index`, the base register, the value.
    StoreArena,
    /// An atomic operation there: `index`, the base register, operand, `r0`. Gives the old value; where nothing is done,
    /// what the register holds that is to hold it.
    AtomicArena,
    /// A legacy packet load: `index`, value of the index register. All ones out of bounds.
    PacketLoad,
    /// A lookup in an array, its key checked: `index`, address of the key.
    LookupArray,
    /// Looks up where a tail call leads: `r2`, `r3`, the depth of the function. Gives the run, or
    /// a negative error.
    TailCall,
    /// A lookup in a hash map that is known: the map, the key as two numbers.
    LookupHash,
    /// An update of one: the map, the key, address of the value, flags.
    UpdateHash,
    /// A deletion from one: the map, the key.
    DeleteHash,
    /// An update of an array that is known: the map, the index, address of the value, flags.
    UpdateArray,
    /// A lookup in a longest-prefix-match map that is known: the map, the key.
    LookupLpm,
    /// `bpf_ringbuf_reserve` in a ring buffer that is known: the map, size, flags.
    Reserve,
    /// `bpf_ringbuf_output` to one: the map, address of the data, size, flags.
    Output,
    /// `bpf_ktime_get_ns`.
    Now,
    /// `bpf_jiffies64`.
    Jiffies,
    /// Calls the function in a register: `index`, depth of the callee, the register's value.
    CallReg,
    /// Ends an exception of a program that ended with the function called: depth of the callee, `r0`.
    Catch,
}

impl Shim {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Shim> {
        let helpers = (0..=5).map(Shim::Helper);
        helpers.chain([
            Shim::Stop,
            Shim::Check,
            Shim::Probe,
            Shim::LoadContext,
            Shim::Atomic,
            Shim::LoadArena,
            Shim::StoreArena,
            Shim::AtomicArena,
            Shim::PacketLoad,
            Shim::LookupArray,
            Shim::TailCall,
            Shim::LookupHash,
            Shim::UpdateHash,
            Shim::DeleteHash,
            Shim::UpdateArray,
            Shim::LookupLpm,
            Shim::Reserve,
            Shim::Output,
            Shim::Now,
            Shim::Jiffies,
            Shim::CallReg,
            Shim::Catch,
        ])
    }

    /// How many 64-bit numbers it takes after the run.
    pub(super) fn params(self) -> usize {
        match self {
            Shim::Helper(count) => 1 + usize::from(count),
            Shim::Now | Shim::Jiffies => 0,
            Shim::Stop
            | Shim::Check
            | Shim::Probe
            | Shim::LoadContext
            | Shim::LoadArena
            | Shim::PacketLoad
            | Shim::LookupArray
            | Shim::LookupLpm
            | Shim::Catch => 2,
            Shim::TailCall
            | Shim::StoreArena
            | Shim::LookupHash
            | Shim::DeleteHash
            | Shim::Reserve
            | Shim::CallReg => 3,
            Shim::Atomic | Shim::AtomicArena | Shim::UpdateArray | Shim::Output => 4,
            Shim::UpdateHash => 5,
        }
    }

    /// The symbol it is linked by.
    pub(super) fn name(self) -> &'static str {
        match self {
            Shim::Helper(0) => "helper_0",
            Shim::Helper(1) => "helper_1",
            Shim::Helper(2) => "helper_2",
            Shim::Helper(3) => "helper_3",
            Shim::Helper(4) => "helper_4",
            Shim::Helper(_) => "helper_5",
            Shim::Stop => "stop",
            Shim::Check => "check",
            Shim::Probe => "probe",
            Shim::LoadContext => "load_context",
            Shim::Atomic => "atomic",
            Shim::LoadArena => "load_arena",
            Shim::StoreArena => "store_arena",
            Shim::AtomicArena => "atomic_arena",
            Shim::PacketLoad => "packet_load",
            Shim::LookupArray => "lookup_array",
            Shim::TailCall => "tail_call",
            Shim::LookupHash => "lookup_hash",
            Shim::UpdateHash => "update_hash",
            Shim::DeleteHash => "delete_hash",
            Shim::UpdateArray => "update_array",
            Shim::LookupLpm => "lookup_lpm",
            Shim::Reserve => "reserve",
            Shim::Output => "output",
            Shim::Now => "now",
            Shim::Jiffies => "jiffies",
            Shim::CallReg => "call_reg",
            Shim::Catch => "catch",
        }
    }

    /// Its code.
    pub(super) fn address(self) -> *const u8 {
        match self {
            Shim::Helper(0) => helper_0 as *const u8,
            Shim::Helper(1) => helper_1 as *const u8,
            Shim::Helper(2) => helper_2 as *const u8,
            Shim::Helper(3) => helper_3 as *const u8,
            Shim::Helper(4) => helper_4 as *const u8,
            Shim::Helper(_) => helper_5 as *const u8,
            Shim::Stop => stop as *const u8,
            Shim::Check => check as *const u8,
            Shim::Probe => probe as *const u8,
            Shim::LoadContext => load_context as *const u8,
            Shim::Atomic => atomic as *const u8,
            Shim::LoadArena => arena::load as *const u8,
            Shim::StoreArena => arena::store as *const u8,
            Shim::AtomicArena => arena::atomic as *const u8,
            Shim::PacketLoad => packet_load as *const u8,
            Shim::LookupArray => lookup_array as *const u8,
            Shim::TailCall => tail_call as *const u8,
            Shim::LookupHash => direct::lookup_hash as *const u8,
            Shim::UpdateHash => direct::update_hash as *const u8,
            Shim::DeleteHash => direct::delete_hash as *const u8,
            Shim::UpdateArray => direct::update_array as *const u8,
            Shim::LookupLpm => direct::lookup_lpm as *const u8,
            Shim::Reserve => direct::reserve as *const u8,
            Shim::Output => direct::output as *const u8,
            Shim::Now => now as *const u8,
            Shim::Jiffies => jiffies as *const u8,
            Shim::CallReg => call_reg as *const u8,
            Shim::Catch => catch as *const u8,
        }
    }
}

/// The number by which a shim is told a size.
pub(super) fn number_of(size: Size) -> i64 {
    i64::from(size.bytes())
}

extern "C" fn helper_0(run: &mut Run<'_>, index: u64) -> u64 {
    helper(run, index, [0; 5])
}

extern "C" fn helper_1(run: &mut Run<'_>, index: u64, a: u64) -> u64 {
    helper(run, index, [a, 0, 0, 0, 0])
}

extern "C" fn helper_2(run: &mut Run<'_>, index: u64, a: u64, b: u64) -> u64 {
    helper(run, index, [a, b, 0, 0, 0])
}

extern "C" fn helper_3(run: &mut Run<'_>, index: u64, a: u64, b: u64, c: u64) -> u64 {
    helper(run, index, [a, b, c, 0, 0])
}

extern "C" fn helper_4(run: &mut Run<'_>, index: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
    helper(run, index, [a, b, c, d, 0])
}

extern "C" fn helper_5(
    run: &mut Run<'_>,
    index: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
) -> u64 {
    helper(run, index, [a, b, c, d, e])
}

#[inline(always)]
fn helper(run: &mut Run<'_>, index: u64, args: [u64; 5]) -> u64 {
    let index = index as usize;
    let code = run.code();
    let (name, reply) = match code.ops.get(index) {
        Some(Op::CallHelper { helper }) => (helper.name(), run.call_helper(helper, args)),
        Some(Op::CallKfunc { kfunc, call }) => {
            let facts = code.facts_of(*call);
            (kfunc.name(), run.call_kfunc(kfunc, facts, args))
        }
        _ => {
            run.stop(index, Cause::PastEnd);
            return 0;
        }
    };
    match reply {
        Ok(value) => value,
        Err(HelperError::Thrown(cookie)) => {
            run.throw(index, cookie);
            0
        }
        Err(error) => {
            run.stop(index, Cause::of_helper(name, error));
            0
        }
    }
}

extern "C" fn catch(run: &mut Run<'_>, frame: u64, r0: u64) -> u64 {
    run.catch(frame, r0)
}

#[cold]
extern "C" fn stop(run: &mut Run<'_>, index: u64, why: u64) -> u64 {
    let limit = run.env().fuel;
    let (at, cause) = if why == Why::Unreached as u64 {
        (index, Cause::Unreached)
    } else if why == Why::PastEnd as u64 {
        (index, Cause::PastEnd)
    } else if why == Why::CallDepth as u64 {
        (index, Cause::CallDepth { limit: MAX_FRAMES })
    } else {
        let left = match why == Why::OutOfFuelAfter as u64 {
            true => run.fuel(),
            false => 0,
        };
        run.burn_out();
        (index.saturating_add(left), Cause::OutOfFuel { limit })
    };
    run.stop(at as usize, cause);
    0
}

extern "C" fn check(run: &mut Run<'_>, index: u64, addr: u64) -> u64 {
    let memory = &run.env().world.machine.memory;
    let (size, access) = match run.code().ops.get(index as usize) {
        Some(Op::Load(load)) => (load.at.size, Access::Read),
        Some(Op::StoreReg { at, .. } | Op::StoreImm { at, .. }) => (at.size, Access::Write),
        _ => (Size::DW, Access::Write),
    };
    if let Err(fault) = memory.check(Addr(addr), size.bytes(), access) {
        run.stop(index as usize, Cause::Memory(fault));
    }
    0
}

extern "C" fn probe(run: &mut Run<'_>, addr: u64, size: u64) -> u64 {
    let size = Size::from_bytes(size as u32).unwrap_or(Size::DW);
    let memory = &run.env().world.machine.memory;
    memory.load(Addr(addr), size).unwrap_or(0)
}

pub(super) extern "C" fn load_context(run: &mut Run<'_>, index: u64, addr: u64) -> u64 {
    let (code, memory) = (run.code(), &run.env().world.machine.memory);
    let Some(Op::LoadContext(load) | Op::LoadArena(load)) = code.ops.get(index as usize) else {
        run.stop(index as usize, Cause::PastEnd);
        return 0;
    };
    let Load {
        extend: kind, at, ..
    } = load;
    let off = addr.wrapping_sub(run.ctx().0);
    let loaded = match code.moved_field(off, at.size) {
        Some(field) => memory.load(run.ctx().offset(i64::from(field.guest_off)), Size::DW),
        None => memory
            .load(Addr(addr), at.size)
            .map(|value| extend(*kind, at.size, value)),
    };
    loaded.unwrap_or_else(|fault| {
        run.stop(index as usize, Cause::Memory(fault));
        0
    })
}

pub(super) extern "C" fn atomic(
    run: &mut Run<'_>,
    index: u64,
    addr: u64,
    operand: u64,
    r0: u64,
) -> u64 {
    let memory = &run.env().world.machine.memory;
    let Some(Op::Atomic(atomic) | Op::AtomicArena(atomic)) = run.code().ops.get(index as usize)
    else {
        run.stop(index as usize, Cause::PastEnd);
        return 0;
    };
    let old = memory.atomic(Addr(addr), atomic.op, atomic.width(), operand, r0);
    old.unwrap_or_else(|fault| {
        run.stop(index as usize, Cause::Memory(fault));
        0
    })
}

/// What a packet load out of bounds gives; no load within gives so much.
pub(super) const OUT_OF_BOUNDS: i64 = -1;

extern "C" fn packet_load(run: &mut Run<'_>, index: u64, register: u64) -> u64 {
    let Some(Op::LegacyLoad { size, mode, imm }) = run.code().ops.get(index as usize) else {
        run.stop(index as usize, Cause::PastEnd);
        return 0;
    };
    let from = match mode {
        LegacyMode::Abs => 0,
        LegacyMode::Ind(_) => register as i32,
    };
    match helpers::legacy_load(&run.env().world, from.wrapping_add(*imm), *size) {
        Ok(loaded) => loaded.unwrap_or(OUT_OF_BOUNDS as u64),
        Err(_) => {
            run.stop(index as usize, Cause::NoPacket);
            0
        }
    }
}

extern "C" fn lookup_array(run: &mut Run<'_>, index: u64, key: u64) -> u64 {
    let (code, world) = (run.code(), &run.env().world);
    let Some(Op::LookupArray { array }) = code.ops.get(index as usize) else {
        run.stop(index as usize, Cause::PastEnd);
        return 0;
    };
    let shape = code.arrays.get(array.0 as usize);
    match world.machine.memory.load(Addr(key), Size::W) {
        Ok(element) => shape.map_or(0, |shape| shape.element(element as u32, world.cpu)),
        Err(fault) => {
            let helper = "bpf_map_lookup_elem";
            run.stop(index as usize, Cause::HelperMemory { helper, fault });
            0
        }
    }
}

extern "C" fn tail_call(run: &mut Run<'_>, map: u64, index: u64, frame: u64) -> u64 {
    match run.tail_call(map, index, frame) {
        Ok(()) => std::ptr::from_mut(run).expose_provenance() as u64,
        Err(error) => error.as_return(),
    }
}

extern "C" fn call_reg(run: &mut Run<'_>, index: u64, frame: u64, value: u64) -> u64 {
    let code = run.code();
    let Some(entry) = code.entry_of(value) else {
        let reg = match code.ops.get(index as usize) {
            Some(Op::CallReg { target }) => *target,
            _ => Reg::R0,
        };
        run.stop(index as usize, Cause::BadCallTarget { reg, value });
        return 0;
    };
    run.call_entry(entry, frame)
}

extern "C" fn now(run: &mut Run<'_>) -> u64 {
    run.env().world.machine.clock.now()
}

extern "C" fn jiffies(run: &mut Run<'_>) -> u64 {
    helpers::jiffies(&run.env().world.machine.clock)
}
