//! The contexts of programs that watch the kernel, where they are not plain bytes.
//!
//! Raw registers, tracepoint records and raw tracepoint arguments are plain bytes and stand in
//! [`super::of_attached`].

use super::FieldAccess::{Narrow, Whole};
use super::FieldKind::{Btf, Unsupported};
use super::row::{Row, num, pointer, select};
use super::{Context, Field, Shape};

#[rustfmt::skip]
const PERF_EVENT_ROWS: [Row; 23] = [
    num("regs.r15", 0, 8, Whole),
    num("regs.r14", 8, 8, Whole),
    num("regs.r13", 16, 8, Whole),
    num("regs.r12", 24, 8, Whole),
    num("regs.rbp", 32, 8, Whole),
    num("regs.rbx", 40, 8, Whole),
    num("regs.r11", 48, 8, Whole),
    num("regs.r10", 56, 8, Whole),
    num("regs.r9", 64, 8, Whole),
    num("regs.r8", 72, 8, Whole),
    num("regs.rax", 80, 8, Whole),
    num("regs.rcx", 88, 8, Whole),
    num("regs.rdx", 96, 8, Whole),
    num("regs.rsi", 104, 8, Whole),
    num("regs.rdi", 112, 8, Whole),
    num("regs.orig_rax", 120, 8, Whole),
    num("regs.rip", 128, 8, Whole),
    num("regs.cs", 136, 8, Whole),
    num("regs.eflags", 144, 8, Whole),
    num("regs.rsp", 152, 8, Whole),
    num("regs.ss", 160, 8, Whole),
    num("sample_period", 168, 8, Narrow),
    num("addr", 176, 8, Narrow),
];
static PERF_EVENT: [Field; 23] = select(&PERF_EVENT_ROWS, 1);

/// `bpf_perf_event_data`.
pub(super) fn perf_event() -> Context {
    Context {
        name: "bpf_perf_event_data",
        guest_size: 184,
        shape: Shape::Fields(&PERF_EVENT),
    }
}

const WRITABLE_ROWS: [Row; 2] = [
    pointer("args", 0, Unsupported("writable tracepoint buffer")),
    // The kernel guards the pointer's first byte only.
    num("args", 1, 95, Narrow),
];
static WRITABLE: [Field; 2] = select(&WRITABLE_ROWS, 1);

/// Raw tracepoint arguments, the first of which is a buffer.
pub(super) fn writable() -> Context {
    Context {
        name: "bpf_raw_tracepoint_args",
        guest_size: 96,
        shape: Shape::Fields(&WRITABLE),
    }
}

const NETFILTER_ROWS: [Row; 2] = [
    pointer("state", 0, Btf("nf_hook_state")),
    pointer("skb", 8, Btf("sk_buff")),
];
static NETFILTER: [Field; 2] = select(&NETFILTER_ROWS, 1);

/// `bpf_nf_ctx`.
pub(super) fn netfilter() -> Context {
    Context {
        name: "bpf_nf_ctx",
        guest_size: 16,
        shape: Shape::Fields(&NETFILTER),
    }
}
