//! Accesses to the arena: plain ones where a page is there, and a shim's where one may not be.
//!
//! What such an access does is [`crate::machine::Arena`]'s to say.
//!
//! Rules:
//! - The window is mapped, and what is not there reads zero: a load asks only whether it may cross from a page into the
//!   next. A store asks the table for its page, and whether it crosses.
//! - In a program nobody judged every access is a shim's.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};

use crate::code::{Atomic, Checks, Load, Place};
use crate::isa::{AtomicOp, Extend, Fetch, Reg, Size};
use crate::machine::{ARENA_PAGE, Arena, PAGE_PRESENT};

use super::super::shims::Shim;
use super::{Body, Translator};

impl Translator<'_, '_> {
    pub(super) fn load_arena(&mut self, body: &Body<'_>, index: usize, load: Load) {
        let Load { extend, dst, at } = load;
        let base = self.get(body, at.base);
        let Some(arena) = self.plain_arena() else {
            let value = self.load_by_shim(index, base);
            return self.set(body, dst, value);
        };
        let place = self.place(base, at.off);
        if at.size == Size::B {
            let value = self.load_window(arena, extend, at.size, place);
            return self.set(body, dst, value);
        }
        let crosses = self.crosses(place, at.size);
        let (plain, slow) = (self.builder.create_block(), self.builder.create_block());
        let join = self.builder.create_block();
        let result = self.builder.append_block_param(join, I64);
        self.builder.set_cold_block(slow);
        self.builder.ins().brif(crosses, slow, &[], plain, &[]);
        self.builder.switch_to_block(slow);
        let value = self.load_by_shim(index, base);
        self.builder.ins().jump(join, &[BlockArg::Value(value)]);
        self.builder.switch_to_block(plain);
        let value = self.load_window(arena, extend, at.size, place);
        self.builder.ins().jump(join, &[BlockArg::Value(value)]);
        self.builder.switch_to_block(join);
        self.set(body, dst, result);
    }

    pub(super) fn store_arena(&mut self, body: &Body<'_>, index: usize, at: Place, value: Value) {
        let base = self.get(body, at.base);
        let Some(arena) = self.plain_arena() else {
            return self.store_by_shim(index, base, value);
        };
        let place = self.place(base, at.off);
        let is_there = self.is_there(arena, place);
        let is_plain = match at.size {
            Size::B => is_there,
            Size::H | Size::W | Size::DW => {
                let crosses = self.crosses(place, at.size);
                let stays = self.builder.ins().icmp_imm_u(IntCC::Equal, crosses, 0);
                self.builder.ins().band(is_there, stays)
            }
        };
        let (plain, slow) = (self.builder.create_block(), self.builder.create_block());
        let next = self.builder.create_block();
        self.builder.set_cold_block(slow);
        self.builder.ins().brif(is_plain, plain, &[], slow, &[]);
        self.builder.switch_to_block(slow);
        self.store_by_shim(index, base, value);
        self.builder.ins().jump(next, &[]);
        self.builder.switch_to_block(plain);
        self.store_window(arena, at.size, place, value);
        self.builder.ins().jump(next, &[]);
        self.builder.switch_to_block(next);
    }

    pub(super) fn atomic_arena(&mut self, body: &Body<'_>, index: usize, atomic: Atomic) {
        let base = self.get(body, atomic.at.base);
        let operand = self.get(body, atomic.src);
        let r0 = self.get(body, Reg::R0);
        let at = self.number(index as i64);
        let old = self.call_shim(Shim::AtomicArena, &[at, base, operand, r0]);
        self.go_unless_judged();
        match atomic.op {
            AtomicOp::Add(fetch)
            | AtomicOp::Or(fetch)
            | AtomicOp::And(fetch)
            | AtomicOp::Xor(fetch) => match fetch {
                Fetch::Yes => self.set(body, atomic.src, old),
                Fetch::No => {}
            },
            AtomicOp::Xchg => self.set(body, atomic.src, old),
            AtomicOp::Cmpxchg => self.set(body, Reg::R0, old),
        }
    }

    /// The arena, where every access is known to be one of it.
    fn plain_arena(&self) -> Option<Window> {
        let arena = self.unit.code.arena.as_deref()?;
        match self.unit.code.checks {
            Checks::Proven => Some(Window::of(arena)),
            Checks::Needed => None,
        }
    }

    /// Where in the window an access lies.
    fn place(&mut self, base: Value, off: i32) -> Value {
        let low = self.low_half(base);
        match off {
            0 => low,
            off => self.builder.ins().iadd_imm_s(low, i64::from(off)),
        }
    }

    /// Whether an access has bytes on two pages.
    fn crosses(&mut self, place: Value, size: Size) -> Value {
        let within = self.number(ARENA_PAGE as i64 - 1);
        let within = self.builder.ins().band(place, within);
        let last = ARENA_PAGE - u64::from(size.bytes());
        let condition = IntCC::UnsignedGreaterThan;
        self.builder
            .ins()
            .icmp_imm_u(condition, within, last as i64)
    }

    /// Whether the page of the first byte is there.
    fn is_there(&mut self, window: Window, place: Value) -> Value {
        let page = self.builder.ins().sshr_imm_u(place, 12);
        let table = self.number(window.table);
        let entry = self.builder.ins().iadd(table, page);
        let flags = self.guest_flags();
        let state = self.builder.ins().uload8(I64, flags, entry, 0);
        let there = i64::from(PAGE_PRESENT);
        self.builder.ins().icmp_imm_u(IntCC::Equal, state, there)
    }

    fn load_window(&mut self, window: Window, extend: Extend, size: Size, place: Value) -> Value {
        let start = self.number(window.start);
        let addr = self.builder.ins().iadd(start, place);
        self.plain_load(extend, size, addr, 0)
    }

    fn store_window(&mut self, window: Window, size: Size, place: Value, value: Value) {
        let start = self.number(window.start);
        let addr = self.builder.ins().iadd(start, place);
        self.plain_store(size, value, addr, 0);
    }

    fn load_by_shim(&mut self, index: usize, base: Value) -> Value {
        let at = self.number(index as i64);
        let value = self.call_shim(Shim::LoadArena, &[at, base]);
        self.go_unless_judged();
        value
    }

    fn store_by_shim(&mut self, index: usize, base: Value, value: Value) {
        let at = self.number(index as i64);
        self.call_shim(Shim::StoreArena, &[at, base, value]);
        self.go_unless_judged();
    }

    /// What nobody judged may have been stopped.
    fn go_unless_judged(&mut self) {
        if self.unit.code.checks == Checks::Needed {
            self.go_unless_stopped();
        }
    }
}

/// Where the host has an arena.
#[derive(Clone, Copy)]
struct Window {
    start: i64,
    table: i64,
}

impl Window {
    fn of(arena: &Arena) -> Window {
        Window {
            start: arena.window().cast_signed(),
            table: arena.table().cast_signed(),
        }
    }
}
