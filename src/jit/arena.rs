//! What native code calls for accesses to the arena that are not plain.
//!
//! What such an access does is [`crate::machine::Arena`]'s to say; in a program nobody judged one that is none of the arena's
//! is one of guest memory.

use crate::code::{Cause, Code, Op, Place};
use crate::isa::AtomicOp;
use crate::isa::alu::extend;
use crate::machine::Addr;

use super::shims;
use super::state::Run;

pub(super) extern "C" fn load(run: &mut Run<'_>, index: u64, base: u64) -> u64 {
    let Some(Op::LoadArena(load)) = run.code().ops.get(index as usize) else {
        return past_end(run, index);
    };
    match run.code().in_arena(base, load.at.off) {
        Some((arena, place)) => {
            let value = arena.load(place, load.at.size);
            extend(load.extend, load.at.size, value)
        }
        None => shims::load_context(run, index, sum(base, load.at)),
    }
}

pub(super) extern "C" fn store(run: &mut Run<'_>, index: u64, base: u64, value: u64) -> u64 {
    let code: &Code = run.code();
    let Some(Op::StoreArenaReg { at, .. } | Op::StoreArenaImm { at, .. }) =
        code.ops.get(index as usize)
    else {
        return past_end(run, index);
    };
    if let Some((arena, place)) = code.in_arena(base, at.off) {
        arena.store(place, at.size, value);
        return 0;
    }
    let memory = &run.env().world.machine.memory;
    let stored = memory.store(Addr(sum(base, *at)), at.size, value);
    if let Err(fault) = stored {
        run.stop(index as usize, Cause::Memory(fault));
    }
    0
}

pub(super) extern "C" fn atomic(
    run: &mut Run<'_>,
    index: u64,
    base: u64,
    operand: u64,
    r0: u64,
) -> u64 {
    let code: &Code = run.code();
    let Some(Op::AtomicArena(atomic)) = code.ops.get(index as usize) else {
        return past_end(run, index);
    };
    let Some((arena, place)) = code.in_arena(base, atomic.at.off) else {
        return shims::atomic(run, index, sum(base, atomic.at), operand, r0);
    };
    let old = arena.atomic(place, (atomic.op, atomic.width()), operand, r0);
    old.unwrap_or(match atomic.op {
        AtomicOp::Cmpxchg => r0,
        AtomicOp::Add(_)
        | AtomicOp::Or(_)
        | AtomicOp::And(_)
        | AtomicOp::Xor(_)
        | AtomicOp::Xchg => operand,
    })
}

fn sum(base: u64, at: Place) -> u64 {
    base.wrapping_add_signed(i64::from(at.off))
}

fn past_end(run: &mut Run<'_>, index: u64) -> u64 {
    run.stop(index as usize, Cause::PastEnd);
    0
}
