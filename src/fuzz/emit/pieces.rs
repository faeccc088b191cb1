//! The pieces that are no access to a region, one function each.

use super::{ARRAY, Emitter, Function, HASH, KEY, NUMBERS, VALUE, Way, bit, sees_packet};
use crate::fuzz::plan::{Bounded, Choice, Kind, PacketHelper, Piece, Source, Store};
use crate::isa::{
    AluOp, CallTarget, Extend, Imm64, Insn, JumpOp, LegacyMode, Operand, Reg, Size, Width,
};

/// Context fields that test runs fill the same way, by offset and size.
const XDP_FIELDS: [(i16, Size); 2] = [(12, Size::W), (16, Size::W)];
const SKB_FIELDS: [(i16, Size); 8] = [
    (0, Size::W),
    (8, Size::W),
    (16, Size::W),
    (0, Size::H),
    (40, Size::W),
    (32, Size::W),
    (48, Size::W),
    (52, Size::B),
];

impl Emitter<'_> {
    pub(super) fn piece(&mut self, piece: &Piece) {
        match piece {
            Piece::Alu(width, op, dst, src) => self.arithmetic(*width, *op, *dst, *src),
            Piece::Neg(width, dst) => {
                let (width, dst) = (*width, self.changing(*dst));
                self.push(Insn::Neg { width, dst });
            }
            Piece::MovSx(width, from, dst, src) => self.movsx(*width, *from, *dst, *src),
            Piece::Endian(order, size, dst) => {
                let (order, size, dst) = (*order, *size, self.changing(*dst));
                self.push(Insn::Endian { order, size, dst });
            }
            Piece::Const(dst, value) => {
                let dst = self.writable(*dst);
                self.imm64(dst, Imm64::Value(*value));
                self.set_number(dst);
            }
            Piece::Field(dst, which) => self.field(*dst, *which),
            Piece::Spill(size, slot, src) => self.spill(*size, *slot, *src),
            Piece::Fill(dst, size, extend, slot) => self.fill(*dst, *size, *extend, *slot),
            Piece::Branch(branch) => self.branch(branch),
            Piece::Loop(bounded, count, body) => self.looped(*bounded, *count, body),
            Piece::Memory(memory) => self.memory(memory),
            Piece::Update(map, key, value, flags) => self.update(*map, *key, *value, *flags),
            Piece::Delete(map, key) => {
                self.key(*map, *key);
                self.call(3);
                self.set_number(Reg::R0);
            }
            Piece::Packet(helper, off, len) => self.packet_helper(*helper, *off, *len),
            Piece::Checksum(from, to, seed) => self.checksum(*from, *to, *seed),
            Piece::Call(choice) => self.subprog_call(*choice),
            Piece::Legacy(size, off, index) => self.legacy(*size, *off, *index),
            Piece::Exit(value) => self.exit(*value),
        }
    }

    fn arithmetic(&mut self, width: Width, op: AluOp, dst: Choice, src: Source) {
        let src = match self.operand(src) {
            Operand::Imm(imm) => Operand::Imm(valid_immediate(width, op, imm)),
            Operand::Reg(reg) => Operand::Reg(reg),
        };
        let dst = match op {
            AluOp::Mov => self.writable(dst),
            _ => self.changing(dst),
        };
        self.alu(width, op, dst, src);
        self.set_number(dst);
    }

    fn movsx(&mut self, width: Width, from: Size, dst: Choice, src: Choice) {
        let src = self.number(src);
        let dst = self.writable(dst);
        let width = match from {
            Size::W => Width::W64,
            Size::B | Size::H | Size::DW => width,
        };
        self.push(Insn::MovSx {
            width,
            from,
            dst,
            src,
        });
        self.set_number(dst);
    }

    fn field(&mut self, dst: Choice, which: u8) {
        let fields = match self.plan.kind {
            Kind::Xdp => &XDP_FIELDS[..],
            Kind::SchedCls | Kind::SocketFilter => &SKB_FIELDS[..],
        };
        let field = usize::from(which).checked_rem(fields.len());
        let Some((off, size)) = field.and_then(|index| fields.get(index)) else {
            return;
        };
        // A filter may not read all of them; the one it may is the first.
        let (off, size) = match (self.plan.kind, off) {
            (Kind::SocketFilter, 8 | 32) => (0, Size::W),
            _ => (*off, *size),
        };
        let dst = self.writable(dst);
        self.load(dst, size, Extend::Zero, Reg::R6, off);
        self.set_number(dst);
    }

    fn spill(&mut self, size: Size, slot: u8, src: Source) {
        let (off, mask) = slot_of(size, slot);
        let src = self.operand(src);
        self.store(size, Reg::FP, off, src);
        self.frame.state.stack |= mask;
    }

    fn fill(&mut self, dst: Choice, size: Size, extend: Extend, slot: u8) {
        let (off, mask) = slot_of(size, slot);
        if self.frame.state.stack & mask != mask {
            self.store(size, Reg::FP, off, Operand::Imm(i32::from(slot)));
            self.frame.state.stack |= mask;
        }
        let dst = self.writable(dst);
        self.load(dst, size, extend, Reg::FP, off);
        self.set_number(dst);
    }

    /// Sees to it that all of the stack's numbers are written, and that `r` points to the lowest.
    pub(super) fn whole_stack(&mut self, reg: Reg) {
        for slot in 0..NUMBERS / 8 {
            let mask = 0xff << (slot * 8);
            if self.frame.state.stack & mask != mask {
                self.store(
                    Size::DW,
                    Reg::FP,
                    slot * 8 - NUMBERS,
                    Operand::Imm(i32::from(slot)),
                );
            }
        }
        self.frame.state.stack = u64::MAX;
        self.stack_address(reg, -NUMBERS);
    }

    pub(super) fn stack_address(&mut self, reg: Reg, off: i16) {
        self.mov(reg, Operand::Reg(Reg::FP));
        self.add(reg, i32::from(off));
    }

    fn looped(&mut self, bounded: Bounded, count: u8, body: &[Piece]) {
        let counter = match self.frame.loops {
            0 => Reg::R9,
            1 => Reg::R8,
            _ => return self.pieces(body),
        };
        let (start, step, limit) = match bounded {
            Bounded::Up => (Operand::Imm(0), 1, Operand::Imm(i32::from(count))),
            Bounded::Down => (Operand::Imm(i32::from(count)), -1, Operand::Imm(0)),
            Bounded::UpTo(choice) => (self.operand(Source::Reg(choice)), -1, Operand::Imm(0)),
        };
        self.mov(counter, start);
        if matches!(bounded, Bounded::UpTo(_)) {
            self.alu(Width::W64, AluOp::And, counter, Operand::Imm(7));
        }
        let pinned = self.frame.pinned;
        self.frame.pinned |= bit(counter);
        self.frame.loops += 1;
        // Calls in the body forget the others before its start is reached again.
        self.clobber();
        let head = self.insns.len();
        self.pieces(body);
        self.frame.loops -= 1;
        self.frame.pinned = pinned;
        if self.frame.state.way == Way::Ended {
            return;
        }
        self.add(counter, step);
        let op = match bounded {
            Bounded::Up => JumpOp::Lt,
            Bounded::Down => JumpOp::Ne,
            Bounded::UpTo(_) => JumpOp::SGt,
        };
        let super::Pending(back) = self.jump_if(Width::W64, op, counter, limit);
        self.aim(back, head);
    }

    /// Puts a key on the stack, its address into `r2`, and the map into `r1`.
    pub(super) fn key(&mut self, map: Store, key: Source) {
        let key = self.operand(key);
        match (map, key) {
            // Keys that are there, mostly.
            (Store::Array, Operand::Imm(imm)) => {
                self.store(Size::W, Reg::FP, KEY, Operand::Imm(imm & 7));
            }
            (Store::Array, Operand::Reg(_)) => self.store(Size::W, Reg::FP, KEY, key),
            (Store::Hash, Operand::Imm(imm)) => {
                self.store(Size::DW, Reg::FP, KEY, Operand::Imm(imm & 3));
            }
            (Store::Hash, Operand::Reg(_)) => self.store(Size::DW, Reg::FP, KEY, key),
        }
        self.stack_address(Reg::R2, KEY);
        let fd = match map {
            Store::Array => ARRAY,
            Store::Hash => HASH,
        };
        self.imm64(Reg::R1, Imm64::MapFd(fd));
    }

    fn update(&mut self, map: Store, key: Source, value: Source, flags: u8) {
        let value = self.operand(value);
        self.store(Size::DW, Reg::FP, VALUE, value);
        self.store(Size::DW, Reg::FP, VALUE + 8, Operand::Imm(i32::from(flags)));
        self.key(map, key);
        self.stack_address(Reg::R3, VALUE);
        self.mov(Reg::R4, Operand::Imm(i32::from(flags)));
        self.call(2);
        self.set_number(Reg::R0);
    }

    /// A call of a packet helper, with the context and two numbers.
    fn packet_helper(&mut self, helper: PacketHelper, off: i16, len: u8) {
        let number = match (self.plan.kind, helper) {
            (Kind::Xdp, PacketHelper::Load) => 189,
            (Kind::Xdp, PacketHelper::Store) => 190,
            (Kind::Xdp, PacketHelper::Head) => 44,
            (Kind::Xdp, PacketHelper::Tail) => 65,
            (Kind::Xdp, PacketHelper::Meta) => 54,
            (Kind::SchedCls, PacketHelper::Store) => 9,
            (Kind::SchedCls, PacketHelper::Head) => 43,
            (Kind::SchedCls, PacketHelper::Tail) => 38,
            (Kind::SchedCls, PacketHelper::Meta) => 39,
            (Kind::SchedCls, PacketHelper::Load) | (Kind::SocketFilter, _) => 26,
        };
        match number {
            189 | 190 | 26 | 9 => {
                self.whole_stack(Reg::R3);
                self.mov(Reg::R4, Operand::Imm(i32::from(len.max(1))));
                self.mov(Reg::R5, Operand::Imm(0));
                self.mov(Reg::R2, Operand::Imm(i32::from(off)));
            }
            // What it changes a packet's length to is a length, not a distance.
            43 | 38 | 39 => {
                self.mov(Reg::R2, Operand::Imm(i32::from(off).abs()));
                self.mov(Reg::R3, Operand::Imm(0));
            }
            _ => {
                let by = if number == 54 { off / 4 * 4 } else { off };
                self.mov(Reg::R2, Operand::Imm(i32::from(by)));
            }
        }
        self.mov(Reg::R1, Operand::Reg(Reg::R6));
        self.call(number);
        self.set_number(Reg::R0);
    }

    fn checksum(&mut self, from: u8, to: u8, seed: Choice) {
        if !sees_packet(self.plan.kind) {
            return;
        }
        let seed = self.number(seed);
        self.mov(Reg::R5, Operand::Reg(seed));
        self.whole_stack(Reg::R1);
        self.mov(Reg::R2, Operand::Imm(i32::from(from) * 4));
        self.stack_address(Reg::R3, 16 - NUMBERS);
        self.mov(Reg::R4, Operand::Imm(i32::from(to) * 4));
        self.call(28);
        self.set_number(Reg::R0);
    }

    fn subprog_call(&mut self, choice: Choice) {
        let first = self.frame.callable;
        let count = self.plan.subprogs.len().saturating_sub(first);
        let Some(index) = usize::from(choice).checked_rem(count) else {
            return;
        };
        for (arg, choice) in [
            (Reg::R5, choice),
            (Reg::R4, choice >> 2),
            (Reg::R3, choice >> 4),
        ] {
            let number = self.number(choice);
            self.mov(arg, Operand::Reg(number));
            self.set_number(arg);
        }
        self.mov(Reg::R2, Operand::Reg(Reg::R7));
        self.mov(Reg::R1, Operand::Reg(Reg::R6));
        self.calls.push((self.insns.len(), first + index));
        self.push(Insn::Call(CallTarget::Local(0)));
        self.clobber();
        self.set_number(Reg::R0);
    }

    /// Functions that others call may not load like this, nor may those that call others.
    fn legacy(&mut self, size: Size, off: i16, index: Option<Choice>) {
        let has_calls = !self.plan.subprogs.is_empty();
        if self.plan.kind == Kind::Xdp || has_calls || self.frame.function == Function::Subprog {
            return;
        }
        let mode = match index {
            Some(choice) => LegacyMode::Ind(self.number(choice)),
            None => LegacyMode::Abs,
        };
        let imm = i32::from(off);
        self.push(Insn::LegacyLoad { size, mode, imm });
        self.clobber();
        self.set_number(Reg::R0);
    }
}

/// An immediate that the operation may have.
fn valid_immediate(width: Width, op: AluOp, imm: i32) -> i32 {
    match op {
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => match width {
            Width::W32 => imm & 31,
            Width::W64 => imm & 63,
        },
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod if imm == 0 => 3,
        AluOp::Add
        | AluOp::Sub
        | AluOp::Mul
        | AluOp::Div
        | AluOp::SDiv
        | AluOp::Or
        | AluOp::And
        | AluOp::Mod
        | AluOp::SMod
        | AluOp::Xor
        | AluOp::Mov => imm,
    }
}

/// The offset of a stack slot of that size, and the bytes it has.
fn slot_of(size: Size, slot: u8) -> (i16, u64) {
    let bytes = i16::from(u8::try_from(size.bytes()).unwrap_or(8));
    let index = i16::from(slot) % (NUMBERS / bytes);
    let at = index * bytes;
    let mask = (u64::MAX >> (64 - size.bytes())) << at;
    (at - NUMBERS, mask)
}
