//! What the arguments of helpers accept: the kernel's lists, and whether null is among it.
//!
//! Tables only; how a register is held against them is in [`super::argument`].
//!
//! Kernel: the `*_types` beside `check_reg_type` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{ArgType, Nullable};

/// How a refusal calls what a helper wants.
pub(super) fn described(arg: ArgType) -> &'static str {
    match arg {
        ArgType::None | ArgType::Anything => "anything",
        ArgType::ConstMapPtr => "a map",
        ArgType::MapKey | ArgType::MapValue(_) | ArgType::UninitMapValue => "a map's key or value",
        ArgType::Mem(_) | ArgType::FixedMem { .. } => "memory",
        ArgType::Size(_) | ArgType::AllocSize => "a size",
        ArgType::Ctx(_) => "the context",
        ArgType::RingbufMem => "a ring buffer record",
        ArgType::StackOrNull => "the stack",
        ArgType::Func(_) => "a function",
        ArgType::ConstStr => "a constant string",
        ArgType::SpinLock => "a spin lock",
        ArgType::Timer => "a timer",
        ArgType::KptrField => "a kptr",
        ArgType::KptrContent => "what is put into a kptr",
        ArgType::Dynptr(_) => "a dynptr",
        ArgType::BtfId(_) | ArgType::BtfIdOrNull(_) => "a pointer to a kernel object",
        ArgType::PercpuBtfId => "a pointer to a per-cpu variable",
        ArgType::SockCommon
        | ArgType::BtfSockCommon(_)
        | ArgType::ReleasedSock
        | ArgType::SocketOrNull => "a socket",
    }
}

/// Whether the number 0 stands for "none".
pub(super) fn is_nullable(arg: ArgType) -> bool {
    match arg {
        ArgType::MapValue(nullable) | ArgType::Ctx(nullable) => nullable == Nullable::Yes,
        ArgType::Mem(mem) | ArgType::FixedMem { mem, .. } => mem.nullable == Nullable::Yes,
        ArgType::BtfSockCommon(nullable) => nullable == Nullable::Yes,
        ArgType::StackOrNull
        | ArgType::BtfIdOrNull(_)
        | ArgType::SocketOrNull
        | ArgType::KptrContent => true,
        ArgType::None
        | ArgType::Anything
        | ArgType::ConstMapPtr
        | ArgType::MapKey
        | ArgType::UninitMapValue
        | ArgType::Size(_)
        | ArgType::AllocSize
        | ArgType::RingbufMem
        | ArgType::Func(_)
        | ArgType::ConstStr
        | ArgType::SpinLock
        | ArgType::Timer
        | ArgType::KptrField
        | ArgType::Dynptr(_)
        | ArgType::BtfId(_)
        | ArgType::PercpuBtfId
        | ArgType::SockCommon
        | ArgType::ReleasedSock => false,
    }
}

/// The kinds that an argument accepts, as the kernel lists them.
pub(super) fn expected_kinds(arg: ArgType) -> Option<&'static str> {
    match arg {
        ArgType::ConstMapPtr => Some("map_ptr"),
        ArgType::MapKey
        | ArgType::MapValue(_)
        | ArgType::UninitMapValue
        | ArgType::Mem(_)
        | ArgType::FixedMem { .. } => {
            Some("fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_")
        }
        ArgType::Size(_) | ArgType::AllocSize => Some("scalar"),
        ArgType::Ctx(_) => Some("ctx"),
        ArgType::RingbufMem => Some("ringbuf_mem"),
        ArgType::StackOrNull => Some("fp"),
        ArgType::Func(_) => Some("func"),
        ArgType::ConstStr | ArgType::Timer => Some("map_value"),
        ArgType::Dynptr(_) => Some("fp, dynptr_ptr"),
        ArgType::SockCommon => Some("sock_common, sock, tcp_sock, xdp_sock"),
        ArgType::BtfSockCommon(_) | ArgType::ReleasedSock => {
            Some("sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_")
        }
        ArgType::SocketOrNull => Some("sock"),
        ArgType::BtfId(_) | ArgType::BtfIdOrNull(_) | ArgType::KptrContent => {
            Some("ptr_, trusted_ptr_, rcu_ptr_")
        }
        ArgType::SpinLock | ArgType::KptrField => Some("map_value, ptr_"),
        ArgType::PercpuBtfId => Some("percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_"),
        ArgType::None | ArgType::Anything => None,
    }
}

/// The kernel structures that an argument accepts as objects: one of these must be, or begin, what
/// the pointer points to.
pub(super) fn wanted_objects(arg: ArgType) -> Option<&'static [&'static str]> {
    match arg {
        ArgType::BtfId(names) | ArgType::BtfIdOrNull(names) => Some(names),
        ArgType::BtfSockCommon(_) | ArgType::ReleasedSock => Some(&["sock_common"]),
        ArgType::None
        | ArgType::Anything
        | ArgType::ConstMapPtr
        | ArgType::MapKey
        | ArgType::MapValue(_)
        | ArgType::UninitMapValue
        | ArgType::Mem(_)
        | ArgType::FixedMem { .. }
        | ArgType::Size(_)
        | ArgType::Ctx(_)
        | ArgType::AllocSize
        | ArgType::RingbufMem
        | ArgType::StackOrNull
        | ArgType::Func(_)
        | ArgType::ConstStr
        | ArgType::SpinLock
        | ArgType::Timer
        | ArgType::KptrField
        | ArgType::KptrContent
        | ArgType::Dynptr(_)
        | ArgType::PercpuBtfId
        | ArgType::SockCommon
        | ArgType::SocketOrNull => None,
    }
}

/// Whether an argument that is an object accepts a pointer that may be null.
pub(super) fn is_nullable_object(arg: ArgType) -> bool {
    let is_object = wanted_objects(arg).is_some()
        || matches!(arg, ArgType::SocketOrNull | ArgType::KptrContent);
    is_object && is_nullable(arg)
}
