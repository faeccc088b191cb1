//! The vocabulary in which the helper tables are written: short names for the common arguments and
//! a builder that turns one line into a [`Helper`].
//!
//! It holds no facts; those are in the tables.

use super::{
    ArgType, Availability, Callback, Effect, Helper, Licence, MemAccess, MemArg, Nullable,
    PacketArgs, Prototype, RetType, Sleeps, ZeroSize,
};
use crate::abi::Version;

/// Any initialised value.
pub(super) const ANY: ArgType = ArgType::Anything;
/// The context.
pub(super) const CTX: ArgType = ArgType::Ctx(Nullable::No);
/// The context or null.
pub(super) const CTX_OR_NULL: ArgType = ArgType::Ctx(Nullable::Yes);
/// A map.
pub(super) const MAP: ArgType = ArgType::ConstMapPtr;
/// A key of the map.
pub(super) const KEY: ArgType = ArgType::MapKey;
/// A value of the map.
pub(super) const VALUE: ArgType = ArgType::MapValue(Nullable::No);
/// A value of the map or null.
pub(super) const VALUE_OR_NULL: ArgType = ArgType::MapValue(Nullable::Yes);
/// Room for a value of the map.
pub(super) const ROOM: ArgType = ArgType::UninitMapValue;
/// Memory that is read.
pub(super) const READ: ArgType = memory(MemAccess::Read, Nullable::No);
/// Memory that is read, or null.
pub(super) const READ_OR_NULL: ArgType = memory(MemAccess::Read, Nullable::Yes);
/// Initialised memory that is written.
pub(super) const WRITE: ArgType = memory(MemAccess::Write, Nullable::No);
/// Initialised memory that is written, or null.
pub(super) const WRITE_OR_NULL: ArgType = memory(MemAccess::Write, Nullable::Yes);
/// Memory that is filled.
pub(super) const FILL: ArgType = memory(MemAccess::Uninit, Nullable::No);
/// A size of at least 1.
pub(super) const SIZE: ArgType = ArgType::Size(ZeroSize::Refused);
/// A size that may be 0.
pub(super) const SIZE_OR_ZERO: ArgType = ArgType::Size(ZeroSize::Allowed);
/// Stack memory for a callback, or null.
pub(super) const STACK: ArgType = ArgType::StackOrNull;
/// A task.
pub(super) const TASK: ArgType = ArgType::BtfId(&["task_struct"]);
/// A task or null.
pub(super) const TASK_OR_NULL: ArgType = ArgType::BtfIdOrNull(&["task_struct"]);
/// A socket of any kind, or a kernel object that is one.
pub(super) const SOCK: ArgType = ArgType::BtfSockCommon(Nullable::No);
/// The same or null.
pub(super) const SOCK_OR_NULL: ArgType = ArgType::BtfSockCommon(Nullable::Yes);
/// A socket of any kind, not as a kernel object.
pub(super) const VIEWED_SOCK: ArgType = ArgType::SockCommon;
/// A full socket or null.
pub(super) const SOCKET_OR_NULL: ArgType = ArgType::SocketOrNull;
/// A timer.
pub(super) const TIMER: ArgType = ArgType::Timer;
/// A number is returned.
pub(super) const INT: RetType = RetType::Integer;
/// Nothing is returned.
pub(super) const VOID: RetType = RetType::Void;

const fn memory(access: MemAccess, nullable: Nullable) -> ArgType {
    ArgType::Mem(MemArg { access, nullable })
}

/// Memory of `size` bytes that is read.
pub(super) const fn read_fixed(size: u32) -> ArgType {
    fixed(size, MemAccess::Read)
}

/// Memory of `size` bytes that is filled.
pub(super) const fn fill_fixed(size: u32) -> ArgType {
    fixed(size, MemAccess::Uninit)
}

/// Initialised memory of `size` bytes that is written.
pub(super) const fn write_fixed(size: u32) -> ArgType {
    fixed(size, MemAccess::Write)
}

const fn fixed(size: u32, access: MemAccess) -> ArgType {
    ArgType::FixedMem {
        size,
        mem: MemArg {
            access,
            nullable: Nullable::No,
        },
    }
}

/// A subprogram to call back.
pub(super) const fn func(callback: Callback) -> ArgType {
    ArgType::Func(callback)
}

/// A pointer to the kernel type of that name.
pub(super) const fn btf(names: &'static [&'static str]) -> ArgType {
    ArgType::BtfId(names)
}

/// A pointer to the kernel type of that name, or null.
pub(super) const fn btf_or_null(names: &'static [&'static str]) -> ArgType {
    ArgType::BtfIdOrNull(names)
}

/// A helper with a prototype.
pub(super) const fn row(
    number: u32,
    name: &'static str,
    since: Version,
    args: &[ArgType],
    ret: RetType,
    available: Availability,
) -> Helper {
    let prototype = Some(prototype(args, ret, available));
    Helper {
        number,
        name,
        since,
        available,
        prototype,
    }
}

/// A plain prototype: any licence, no packet pointers, no effect.
pub(super) const fn prototype(
    list: &[ArgType],
    ret: RetType,
    available: Availability,
) -> Prototype {
    let mut args = [ArgType::None; 5];
    let mut index = 0;
    while index < list.len() {
        args[index] = list[index];
        index += 1;
    }
    Prototype {
        args,
        ret,
        available,
        licence: Licence::Any,
        packet: PacketArgs::Refused,
        effect: Effect::None,
        sleeps: Sleeps::No,
    }
}

impl Helper {
    /// For programs under the GPL only.
    pub(super) const fn gpl(mut self) -> Helper {
        if let Some(prototype) = &mut self.prototype {
            prototype.licence = Licence::Gpl;
        }
        self
    }

    /// Memory arguments may point into a packet.
    pub(super) const fn packet(mut self) -> Helper {
        if let Some(prototype) = &mut self.prototype {
            prototype.packet = PacketArgs::Allowed;
        }
        self
    }

    /// Packet pointers are lost.
    pub(super) const fn changes(mut self) -> Helper {
        if let Some(prototype) = &mut self.prototype {
            prototype.effect = Effect::ChangesPacket;
        }
        self
    }

    /// For sleepable programs only.
    pub(super) const fn sleeps(mut self) -> Helper {
        if let Some(prototype) = &mut self.prototype {
            prototype.sleeps = Sleeps::Might;
        }
        self
    }
}
