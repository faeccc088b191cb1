//! Arithmetic and comparisons, as `isa::alu` computes them.
//!
//! Registers are 64-bit values; what has 32 bits is cut and extended around the operation, which
//! Cranelift folds away. Divisions are guarded, since those of the host trap,
//! unless the divisor is known not to be one that does.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, InstructionData, Opcode, Type, Value};

use crate::code::Branch;
use crate::isa::{AluOp, ByteOrder, JumpOp, Reg, Size, Width};

use super::{Body, Translator};

impl Translator<'_, '_> {
    /// The low half of a register.
    pub(super) fn get32(&mut self, body: &Body<'_>, reg: Reg) -> Value {
        let value = self.get(body, reg);
        self.builder.ins().ireduce(I32, value)
    }

    fn set32(&mut self, body: &Body<'_>, reg: Reg, value: Value) {
        let value = self.builder.ins().uextend(I64, value);
        self.set(body, reg, value);
    }

    pub(super) fn alu64_reg(
        &mut self,
        body: &Body<'_>,
        index: usize,
        op: AluOp,
        (dst, src): (Reg, Reg),
    ) {
        let value = match op {
            // A move does not read its destination: what is dead there must not live on for it.
            AluOp::Mov => self.get(body, src),
            op => {
                // Cranelift computes what a loop hands on in the order in which the next turn asks for it.
                let (left, right) = (self.get(body, dst), self.get(body, src));
                match self.is_tested(body, index, op, (src, Width::W64)) {
                    true => self.divide(op, left, right),
                    false => self.alu(op, left, right),
                }
            }
        };
        self.set(body, dst, value);
    }

    pub(super) fn alu32_reg(
        &mut self,
        body: &Body<'_>,
        index: usize,
        op: AluOp,
        (dst, src): (Reg, Reg),
    ) {
        let value = match op {
            AluOp::Mov => self.get32(body, src),
            op => {
                let (left, right) = (self.get32(body, dst), self.get32(body, src));
                match self.is_tested(body, index, op, (src, Width::W32)) {
                    true => self.divide(op, left, right),
                    false => self.alu(op, left, right),
                }
            }
        };
        self.set32(body, dst, value);
    }

    pub(super) fn alu64_imm(&mut self, body: &Body<'_>, op: AluOp, dst: Reg, imm: u64) {
        let right = self.number(imm as i64);
        let value = match op {
            AluOp::Mov => right,
            op => {
                let left = self.get(body, dst);
                self.alu_by(op, left, right, imm as i64)
            }
        };
        self.set(body, dst, value);
    }

    pub(super) fn alu32_imm(&mut self, body: &Body<'_>, op: AluOp, dst: Reg, imm: u32) {
        let right = self.builder.ins().iconst(I32, i64::from(imm));
        let value = match op {
            AluOp::Mov => right,
            op => {
                let left = self.get32(body, dst);
                self.alu_by(op, left, right, i64::from(imm as i32))
            }
        };
        self.set32(body, dst, value);
    }

    /// With a number: only a division by 0 or -1 is guarded, and what one bit is spread over is chosen by that bit.
    fn alu_by(&mut self, op: AluOp, left: Value, right: Value, imm: i64) -> Value {
        if is_division(op) && imm != 0 && imm != -1 {
            return self.divide(op, left, right);
        }
        match self.spread_bit(left).filter(|_| op == AluOp::And) {
            Some(bit) => {
                let zero = self.constant(self.kind(left), 0);
                self.builder.ins().select(bit, right, zero)
            }
            None => self.alu(op, left, right),
        }
    }

    /// `number & 1`, of a value that is `-(number & 1)`: all ones, or zero.
    fn spread_bit(&self, value: Value) -> Option<Value> {
        let made = self.made_by(value)?;
        let ([bit], Opcode::Ineg) = (made.args, made.opcode) else {
            return None;
        };
        // Cut to less, ones are missing.
        let is_whole = made.narrowest >= self.kind(value).bits();
        match self.made_by(*bit)? {
            Made {
                opcode: Opcode::Band,
                args: [_, mask],
                ..
            } if is_whole && self.is_one(*mask) => Some(*bit),
            _ => None,
        }
    }

    fn is_one(&self, value: Value) -> bool {
        let dfg = &self.builder.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst();
        let data = inst.map(|inst| dfg.insts[inst]);
        matches!(data, Some(InstructionData::UnaryImm { imm, .. }) if imm.bits() == 1)
    }

    /// What makes a value, whatever it is cut to and extended from behind that.
    fn made_by(&self, value: Value) -> Option<Made<'_>> {
        let dfg = &self.builder.func.dfg;
        let mut value = dfg.resolve_aliases(value);
        let mut narrowest = self.kind(value).bits();
        loop {
            let inst = dfg.value_def(value).inst()?;
            let (opcode, args) = (dfg.insts[inst].opcode(), dfg.inst_args(inst));
            let (Opcode::Ireduce | Opcode::Uextend, [inner]) = (opcode, args) else {
                return Some(Made {
                    opcode,
                    args,
                    narrowest,
                });
            };
            value = dfg.resolve_aliases(*inner);
            narrowest = narrowest.min(self.kind(value).bits());
        }
    }

    /// Whether an operation is a division that cannot trap, since its divisor was tested before.
    fn is_tested(&self, body: &Body<'_>, index: usize, op: AluOp, divisor: (Reg, Width)) -> bool {
        let (flow, code) = (self.unit.flow, self.unit.code);
        matches!(op, AluOp::Div | AluOp::Mod)
            && flow.is_nonzero(body.function, code, index, divisor)
    }

    fn alu(&mut self, op: AluOp, left: Value, right: Value) -> Value {
        match op {
            AluOp::Add => self.builder.ins().iadd(left, right),
            AluOp::Sub => self.builder.ins().isub(left, right),
            AluOp::Mul => self.builder.ins().imul(left, right),
            AluOp::Div | AluOp::Mod => self.guarded_unsigned(op, left, right),
            AluOp::SDiv | AluOp::SMod => self.guarded_signed(op, left, right),
            AluOp::Or => self.builder.ins().bor(left, right),
            AluOp::And => self.builder.ins().band(left, right),
            AluOp::Lsh => self.builder.ins().ishl(left, right),
            AluOp::Rsh => self.builder.ins().ushr(left, right),
            AluOp::Xor => self.builder.ins().bxor(left, right),
            AluOp::Mov => right,
            AluOp::Arsh => self.builder.ins().sshr(left, right),
        }
    }

    /// A division that cannot trap.
    fn divide(&mut self, op: AluOp, left: Value, right: Value) -> Value {
        match op {
            AluOp::SDiv => self.builder.ins().sdiv(left, right),
            AluOp::SMod => self.builder.ins().srem(left, right),
            AluOp::Mod => self.builder.ins().urem(left, right),
            AluOp::Div
            | AluOp::Add
            | AluOp::Sub
            | AluOp::Mul
            | AluOp::Or
            | AluOp::And
            | AluOp::Lsh
            | AluOp::Rsh
            | AluOp::Xor
            | AluOp::Mov
            | AluOp::Arsh => self.builder.ins().udiv(left, right),
        }
    }

    /// By zero: 0, or the dividend.
    fn guarded_unsigned(&mut self, op: AluOp, left: Value, right: Value) -> Value {
        let kind = self.kind(left);
        let zero = self.constant(kind, 0);
        let by_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, right, 0);
        let otherwise = if op == AluOp::Mod { left } else { zero };
        self.divide_unless(by_zero, otherwise, (op, left, right))
    }

    /// By zero as unsigned; by -1 the negation, or 0.
    fn guarded_signed(&mut self, op: AluOp, left: Value, right: Value) -> Value {
        let kind = self.kind(left);
        let zero = self.constant(kind, 0);
        let by_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, right, 0);
        let by_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, right, -1);
        let special = self.builder.ins().bor(by_zero, by_minus_one);
        let negated = self.builder.ins().ineg(left);
        let (at_zero, at_minus_one) = match op == AluOp::SMod {
            true => (left, zero),
            false => (zero, negated),
        };
        let otherwise = self.builder.ins().select(by_zero, at_zero, at_minus_one);
        self.divide_unless(special, otherwise, (op, left, right))
    }

    /// A division unless something is the case, which is rare: a branch that is not taken costs
    /// less than to wait for the divisor twice.
    fn divide_unless(
        &mut self,
        special: Value,
        otherwise: Value,
        (op, left, right): (AluOp, Value, Value),
    ) -> Value {
        let kind = self.kind(left);
        let (plain, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, kind);
        let otherwise = [BlockArg::Value(otherwise)];
        self.builder
            .ins()
            .brif(special, join, &otherwise, plain, &[]);
        self.builder.switch_to_block(plain);
        let value = self.divide(op, left, right);
        self.builder.ins().jump(join, &[BlockArg::Value(value)]);
        self.builder.switch_to_block(join);
        result
    }

    pub(super) fn neg(&mut self, body: &Body<'_>, width: Width, dst: Reg) {
        match width {
            Width::W64 => {
                let value = self.get(body, dst);
                let value = self.builder.ins().ineg(value);
                self.set(body, dst, value);
            }
            Width::W32 => {
                let value = self.get32(body, dst);
                let value = self.builder.ins().ineg(value);
                self.set32(body, dst, value);
            }
        }
    }

    pub(super) fn movsx(
        &mut self,
        body: &Body<'_>,
        width: Width,
        from: Size,
        (dst, src): (Reg, Reg),
    ) {
        let value = self.get(body, src);
        let Some(kind) = narrow(from) else {
            return self.set(body, dst, value);
        };
        let value = self.builder.ins().ireduce(kind, value);
        match (width, from) {
            (Width::W32, Size::W) => self.set32(body, dst, value),
            (Width::W32, Size::B | Size::H | Size::DW) => {
                let value = self.builder.ins().sextend(I32, value);
                self.set32(body, dst, value);
            }
            (Width::W64, _) => {
                let value = self.builder.ins().sextend(I64, value);
                self.set(body, dst, value);
            }
        }
    }

    pub(super) fn endian(&mut self, body: &Body<'_>, order: ByteOrder, size: Size, dst: Reg) {
        let value = self.get(body, dst);
        let swaps = match (order, size) {
            (ByteOrder::Le, _) | (ByteOrder::Be | ByteOrder::Swap, Size::B) => false,
            (ByteOrder::Be | ByteOrder::Swap, Size::H | Size::W | Size::DW) => true,
        };
        let value = match narrow(size) {
            Some(kind) => self.builder.ins().ireduce(kind, value),
            None => value,
        };
        let value = match swaps {
            true => self.builder.ins().bswap(value),
            false => value,
        };
        let value = match narrow(size) {
            Some(_) => self.builder.ins().uextend(I64, value),
            None => value,
        };
        self.set(body, dst, value);
    }

    /// An arena pointer in the window that starts at `base`; null stays null.
    pub(super) fn cast(&mut self, body: &Body<'_>, dst: Reg, src: Reg, base: u64) {
        let low = self.get32(body, src);
        let low = self.builder.ins().uextend(I64, low);
        let base = self.number(base as i64);
        let pointer = self.builder.ins().bor(low, base);
        let value = self.builder.ins().select(low, pointer, low);
        self.set(body, dst, value);
    }

    /// Whether a branch that compares registers is taken.
    pub(super) fn compare_reg(&mut self, body: &Body<'_>, branch: Branch, src: Reg) -> Value {
        let (left, right) = match branch.width {
            Width::W64 => (self.get(body, branch.dst), self.get(body, src)),
            Width::W32 => (self.get32(body, branch.dst), self.get32(body, src)),
        };
        self.compare(branch.op, left, right)
    }

    /// Whether a branch that compares with a number is taken.
    pub(super) fn compare_imm(&mut self, body: &Body<'_>, branch: Branch, imm: i32) -> Value {
        let left = match branch.width {
            Width::W64 => self.get(body, branch.dst),
            Width::W32 => self.get32(body, branch.dst),
        };
        if branch.op == JumpOp::Ne && imm == 0 {
            return left;
        }
        let left = match branch.op {
            JumpOp::Eq | JumpOp::Ne if self.is_counted(left) => self.itself(left),
            _ => left,
        };
        let right = self.constant(self.kind(left), imm);
        self.compare(branch.op, left, right)
    }

    /// Whether a value is another and a constant. Compared with a constant, Cranelift compares that
    /// other one, which then lives on beside it: in a loop, a move and a jump each time round.
    fn is_counted(&self, value: Value) -> bool {
        let is_number = |arg: &Value| {
            self.made_by(*arg)
                .is_some_and(|made| made.opcode == Opcode::Iconst)
        };
        self.made_by(value)
            .is_some_and(|made| made.opcode == Opcode::Iadd && made.args.iter().any(is_number))
    }

    /// The same value, but nothing that Cranelift's rules know the making of: the half of a pair. On most hosts that takes
    /// no instruction.
    fn itself(&mut self, value: Value) -> Value {
        let kind = self.kind(value);
        let whole = match kind == I32 {
            true => self.builder.ins().uextend(I64, value),
            false => value,
        };
        let pair = self.builder.ins().iconcat(whole, whole);
        let (half, _) = self.builder.ins().isplit(pair);
        match kind == I32 {
            true => self.builder.ins().ireduce(I32, half),
            false => half,
        }
    }

    fn compare(&mut self, op: JumpOp, left: Value, right: Value) -> Value {
        let condition = match op {
            JumpOp::Eq => IntCC::Equal,
            JumpOp::Gt => IntCC::UnsignedGreaterThan,
            JumpOp::Ge => IntCC::UnsignedGreaterThanOrEqual,
            JumpOp::Set => return self.builder.ins().band(left, right),
            JumpOp::Ne => IntCC::NotEqual,
            JumpOp::SGt => IntCC::SignedGreaterThan,
            JumpOp::SGe => IntCC::SignedGreaterThanOrEqual,
            JumpOp::Lt => IntCC::UnsignedLessThan,
            JumpOp::Le => IntCC::UnsignedLessThanOrEqual,
            JumpOp::SLt => IntCC::SignedLessThan,
            JumpOp::SLe => IntCC::SignedLessThanOrEqual,
        };
        self.builder.ins().icmp(condition, left, right)
    }

    fn kind(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    /// A number of a type of 32 or 64 bits, sign-extended.
    fn constant(&mut self, kind: Type, value: i32) -> Value {
        let bits = match kind == I32 {
            true => i64::from(value as u32),
            false => i64::from(value),
        };
        self.builder.ins().iconst(kind, bits)
    }
}

/// What makes a value.
struct Made<'a> {
    opcode: Opcode,
    args: &'a [Value],
    /// The fewest bits that it was cut to.
    narrowest: u32,
}

fn is_division(op: AluOp) -> bool {
    matches!(op, AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod)
}

/// The type of a part of a register; none for all of it.
fn narrow(size: Size) -> Option<Type> {
    match size {
        Size::B => Some(I8),
        Size::H => Some(I16),
        Size::W => Some(I32),
        Size::DW => None,
    }
}
