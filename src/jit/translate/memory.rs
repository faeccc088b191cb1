//! Loads, stores and atomic operations: plain ones, values in place of slots, or checked ones.

use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, Type, Value};

use crate::code::{ArrayId, Atomic, Checks, Load, Place};
use crate::isa::{AtomicOp, Extend, Fetch, LegacyMode, Reg, Size};

use super::super::shims::{OUT_OF_BOUNDS, Shim, number_of};
use super::super::slots::{ARRAY_KEY, Part, Whole};
use super::super::state::Field;
use super::{Body, Translator};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_frontend::Variable;

impl Translator<'_, '_> {
    pub(super) fn load(&mut self, body: &Body<'_>, index: usize, load: Load) {
        let Load { extend, dst, at } = load;
        if let Some(slot) = slot(body, index) {
            let value = self.get_part(slot, extend, at.size);
            return self.set(body, dst, value);
        }
        self.check(body, index, at);
        let base = self.get(body, at.base);
        let value = self.plain_load(extend, at.size, base, at.off);
        self.set(body, dst, value);
    }

    pub(super) fn load_probed(&mut self, body: &Body<'_>, load: Load) {
        let Load { extend, dst, at } = load;
        let addr = self.address(body, at);
        let size = self.number(number_of(at.size));
        let value = self.call_shim(Shim::Probe, &[addr, size]);
        let value = self.extended(extend, at.size, value);
        self.set(body, dst, value);
    }

    pub(super) fn load_context(&mut self, body: &Body<'_>, index: usize, load: Load) {
        let addr = self.address(body, load.at);
        let index = self.number(index as i64);
        let value = self.call_shim(Shim::LoadContext, &[index, addr]);
        self.go_unless_stopped();
        self.set(body, load.dst, value);
    }

    pub(super) fn store(&mut self, body: &Body<'_>, index: usize, at: Place, value: Value) {
        if let Some((slot, part)) = slot(body, index) {
            let mut value = self.extended(Extend::Zero, at.size, value);
            if part.of == Whole::No {
                value = self.put_part(slot, part, at.size, value);
            }
            return self.builder.def_var(slot, value);
        }
        self.check(body, index, at);
        let base = self.get(body, at.base);
        self.plain_store(at.size, value, base, at.off);
    }

    /// A part of a slot, extended to 64 bits.
    pub(super) fn get_part(
        &mut self,
        (slot, part): (Variable, Part),
        extend: Extend,
        size: Size,
    ) -> Value {
        let mut value = self.builder.use_var(slot);
        if part.shift > 0 {
            value = self.builder.ins().ushr_imm_u(value, i64::from(part.shift));
        }
        self.extended(extend, size, value)
    }

    /// What a slot holds when a part of it is a value.
    fn put_part(&mut self, slot: Variable, part: Part, size: Size, value: Value) -> Value {
        let old = self.builder.use_var(slot);
        let mask = (u64::MAX >> (64 - 8 * size.bytes())) << part.shift;
        let kept = self.number(!mask as i64);
        let kept = self.builder.ins().band(old, kept);
        let shift = i64::from(part.shift);
        let value = self.builder.ins().ishl_imm_u(value, shift);
        self.builder.ins().bor(kept, value)
    }

    pub(super) fn atomic(&mut self, body: &Body<'_>, index: usize, atomic: Atomic) {
        let Atomic { op, src, at } = atomic;
        let addr = self.address(body, at);
        let operand = self.get(body, src);
        let r0 = self.get(body, Reg::R0);
        let old = match self.unit.code.checks {
            Checks::Proven => self.plain_atomic(atomic, addr, operand, r0),
            Checks::Needed => {
                let index = self.number(index as i64);
                let old = self.call_shim(Shim::Atomic, &[index, addr, operand, r0]);
                self.go_unless_stopped();
                old
            }
        };
        match op {
            AtomicOp::Add(fetch)
            | AtomicOp::Or(fetch)
            | AtomicOp::And(fetch)
            | AtomicOp::Xor(fetch) => match fetch {
                Fetch::Yes => self.set(body, src, old),
                Fetch::No => {}
            },
            AtomicOp::Xchg => self.set(body, src, old),
            AtomicOp::Cmpxchg => self.set(body, Reg::R0, old),
        }
    }

    fn plain_atomic(&mut self, atomic: Atomic, addr: Value, operand: Value, r0: Value) -> Value {
        let kind = match atomic.at.size {
            Size::DW => I64,
            Size::B | Size::H | Size::W => I32,
        };
        let operand = self.cut(kind, operand);
        let flags = self.guest_flags().with_aligned();
        let op = match atomic.op {
            AtomicOp::Add(_) => AtomicRmwOp::Add,
            AtomicOp::Or(_) => AtomicRmwOp::Or,
            AtomicOp::And(_) => AtomicRmwOp::And,
            AtomicOp::Xor(_) => AtomicRmwOp::Xor,
            AtomicOp::Xchg => AtomicRmwOp::Xchg,
            AtomicOp::Cmpxchg => {
                let expected = self.cut(kind, r0);
                let old = self
                    .builder
                    .ins()
                    .atomic_cas(flags, addr, expected, operand);
                return self.widened(kind, old);
            }
        };
        let old = self
            .builder
            .ins()
            .atomic_rmw(kind, flags, op, addr, operand);
        self.widened(kind, old)
    }

    /// `bpf_map_lookup_elem` in an array: a comparison and an address.
    pub(super) fn lookup_array(&mut self, body: &Body<'_>, index: usize, array: ArrayId) {
        let shape = self.unit.code.arrays.get(array.0 as usize);
        let (Checks::Proven, Some(shape)) = (self.unit.code.checks, shape) else {
            let (at, key) = (self.number(index as i64), self.get(body, ARRAY_KEY.base));
            let element = self.call_shim(Shim::LookupArray, &[at, key]);
            self.go_unless_stopped();
            return self.set(body, Reg::R0, element);
        };
        let key = match slot(body, index) {
            Some(slot) => self.get_part(slot, Extend::Zero, ARRAY_KEY.size),
            None => {
                let base = self.get(body, ARRAY_KEY.base);
                self.plain_load(Extend::Zero, ARRAY_KEY.size, base, ARRAY_KEY.off)
            }
        };
        let base = match (shape.per_cpu, shape.bases.first()) {
            (false, Some(base)) => self.number(*base as i64),
            (true, _) => {
                let bases = self.number(shape.bases.as_ptr().expose_provenance() as i64);
                let cpu = self.load_state(Field::Cpu);
                let off = self.builder.ins().ishl_imm_u(cpu, 3);
                let place = self.builder.ins().iadd(bases, off);
                let flags = self.state_flags().with_readonly();
                self.builder.ins().load(I64, flags, place, 0)
            }
            (false, None) => self.number(0),
        };
        let stride = i64::from(shape.stride);
        let off = self.builder.ins().imul_imm_u(key, stride);
        let element = self.builder.ins().iadd(base, off);
        let limit = i64::from(shape.count);
        let inside = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThan, key, limit);
        let zero = self.number(0);
        let element = self.builder.ins().select(inside, element, zero);
        self.set(body, Reg::R0, element);
    }

    pub(super) fn legacy_load(&mut self, body: &Body<'_>, index: usize, mode: LegacyMode) {
        let register = match mode {
            LegacyMode::Abs => self.number(0),
            LegacyMode::Ind(reg) => self.get(body, reg),
        };
        let index = self.number(index as i64);
        let value = self.call_shim(Shim::PacketLoad, &[index, register]);
        self.go_unless_stopped();
        let outside = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::Equal, value, OUT_OF_BOUNDS);
        let (out, next) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(outside, out, &[], next, &[]);
        self.builder.switch_to_block(out);
        let zero = self.number(0);
        self.leave(body, zero);
        self.builder.switch_to_block(next);
        self.set(body, Reg::R0, value);
    }

    /// Before an access of a program that nobody judged.
    fn check(&mut self, body: &Body<'_>, index: usize, at: Place) {
        match self.unit.code.checks {
            Checks::Proven => {}
            Checks::Needed => {
                let addr = self.address(body, at);
                let index = self.number(index as i64);
                self.call_shim(Shim::Check, &[index, addr]);
                self.go_unless_stopped();
            }
        }
    }

    /// The address of a place, wrapping.
    fn address(&mut self, body: &Body<'_>, at: Place) -> Value {
        let base = self.get(body, at.base);
        match at.off {
            0 => base,
            off => self.builder.ins().iadd_imm_s(base, i64::from(off)),
        }
    }

    pub(super) fn plain_load(
        &mut self,
        extend: Extend,
        size: Size,
        base: Value,
        off: i32,
    ) -> Value {
        let flags = self.guest_flags();
        match (extend, size) {
            (Extend::Zero, Size::B) => self.builder.ins().uload8(I64, flags, base, off),
            (Extend::Zero, Size::H) => self.builder.ins().uload16(I64, flags, base, off),
            (Extend::Zero, Size::W) => self.builder.ins().uload32(flags, base, off),
            (Extend::Sign, Size::B) => self.builder.ins().sload8(I64, flags, base, off),
            (Extend::Sign, Size::H) => self.builder.ins().sload16(I64, flags, base, off),
            (Extend::Sign, Size::W) => self.builder.ins().sload32(flags, base, off),
            (Extend::Zero | Extend::Sign, Size::DW) => {
                self.builder.ins().load(I64, flags, base, off)
            }
        }
    }

    pub(super) fn plain_store(&mut self, size: Size, value: Value, base: Value, off: i32) {
        let flags = self.guest_flags();
        match size {
            Size::B => self.builder.ins().istore8(flags, value, base, off),
            Size::H => self.builder.ins().istore16(flags, value, base, off),
            Size::W => self.builder.ins().istore32(flags, value, base, off),
            Size::DW => self.builder.ins().store(flags, value, base, off),
        };
    }

    /// The low half of a value, extended.
    pub(super) fn low_half(&mut self, value: Value) -> Value {
        let low = self.builder.ins().ireduce(I32, value);
        self.builder.ins().uextend(I64, low)
    }

    /// The low `size` bits of a value, extended to 64.
    fn extended(&mut self, extend: Extend, size: Size, value: Value) -> Value {
        let kind = match size {
            Size::B => I8,
            Size::H => I16,
            Size::W => I32,
            Size::DW => return value,
        };
        let value = self.builder.ins().ireduce(kind, value);
        match extend {
            Extend::Zero => self.builder.ins().uextend(I64, value),
            Extend::Sign => self.builder.ins().sextend(I64, value),
        }
    }

    fn cut(&mut self, kind: Type, value: Value) -> Value {
        match kind == I32 {
            true => self.builder.ins().ireduce(I32, value),
            false => value,
        }
    }

    fn widened(&mut self, kind: Type, value: Value) -> Value {
        match kind == I32 {
            true => self.builder.ins().uextend(I64, value),
            false => value,
        }
    }
}

/// The value that stands for the slot of an access, and the part of it that is accessed.
fn slot(body: &Body<'_>, index: usize) -> Option<(Variable, Part)> {
    variable(body, *body.slots.of_op.get(&index)?)
}

/// The value that stands for a slot, beside the part of it.
pub(super) fn variable(body: &Body<'_>, part: Part) -> Option<(Variable, Part)> {
    let slot = body.slot_values.get(part.slot)?;
    Some((*slot, part))
}
