//! What the arguments of helpers accept: the kernel's lists, and whether null is among it.
//!
//! Tables only; how a register is held against them is in [`super::argument`].
//!
//! Kernel: the `*_types` beside `check_reg_type` in kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::{ArgType, DynptrArg, Nullable};

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
        ArgType::Dynptr(_) => "a dynptr",
        ArgType::BtfId(_) | ArgType::BtfIdOrNull(_) => "a pointer to a kernel object",
        ArgType::PercpuBtfId => "a pointer to a per-cpu variable",
        ArgType::SockCommon | ArgType::Socket => "a socket",
    }
}

/// Whether the number 0 stands for "none".
pub(super) fn is_nullable(arg: ArgType) -> bool {
    match arg {
        ArgType::MapValue(nullable) | ArgType::Ctx(nullable) => nullable == Nullable::Yes,
        ArgType::Mem(mem) | ArgType::FixedMem { mem, .. } => mem.nullable == Nullable::Yes,
        ArgType::StackOrNull => true,
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
        | ArgType::Dynptr(_)
        | ArgType::BtfId(_)
        | ArgType::BtfIdOrNull(_)
        | ArgType::PercpuBtfId
        | ArgType::SockCommon
        | ArgType::Socket => false,
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
        ArgType::ConstStr => Some("map_value"),
        ArgType::Dynptr(DynptrArg::Initialised) => Some("fp, dynptr_ptr"),
        ArgType::None
        | ArgType::Anything
        | ArgType::SpinLock
        | ArgType::Timer
        | ArgType::Dynptr(_)
        | ArgType::BtfId(_)
        | ArgType::BtfIdOrNull(_)
        | ArgType::PercpuBtfId
        | ArgType::SockCommon
        | ArgType::Socket => None,
    }
}
