//! Accesses to a region: a pointer, perhaps a variable offset, and what is done through them.

use super::{Emitter, POINTER, Pending, bit, sees_packet};
use crate::fuzz::plan::{Access, Bound, Does, Memory, Region, Scale, Store};
use crate::fuzz::plan::{Detour, Kind};
use crate::isa::{AluOp, AtomicOp, Extend, Fetch, Insn, JumpOp, Operand, Reg, Size, Width};

/// Bytes of the directly addressed value.
const DIRECT_LEN: u8 = 64;

/// A pointer that accesses may use.
struct Pointer {
    base: Reg,
    /// Bytes after it.
    len: u8,
    /// Jumps for when there is none.
    missing: Vec<Pending>,
}

impl Emitter<'_> {
    pub(super) fn memory(&mut self, memory: &Memory) {
        if matches!(memory.region, Region::Packet(..)) && !sees_packet(self.plan.kind) {
            return;
        }
        let base = self.scratch(memory.base);
        let pinned = self.frame.pinned;
        let mut pointer = self.pointer(memory, base);
        self.frame.pinned |= bit(pointer.base);
        if memory.detour == Detour::Stack {
            self.store(Size::DW, Reg::FP, POINTER, Operand::Reg(pointer.base));
            self.load(pointer.base, Size::DW, Extend::Zero, Reg::FP, POINTER);
        }
        let before = self.frame.state;
        if !matches!(memory.region, Region::Packet(..)) {
            self.index(memory, &mut pointer);
        }
        for access in &memory.accesses {
            self.access(access, memory, &pointer);
        }
        for missing in pointer.missing {
            self.land(missing);
        }
        // After the accesses and after each check alike: what was known before is the least.
        let after = self.frame.state;
        self.frame.state = after.join(before);
        self.frame.pinned = pinned;
    }

    fn pointer(&mut self, memory: &Memory, base: Reg) -> Pointer {
        let mut missing = Vec::new();
        let len = match memory.region {
            Region::Direct(off) => {
                let off = if memory.region_is_aligned() {
                    off / 8 * 8
                } else {
                    off
                };
                self.direct(base, u32::from(off));
                DIRECT_LEN.saturating_sub(off)
            }
            Region::Value(map, key) => {
                self.key(map, key);
                self.call(1);
                missing.push(self.jump_if(Width::W64, JumpOp::Eq, Reg::R0, Operand::Imm(0)));
                if base != Reg::R0 {
                    self.mov(base, Operand::Reg(Reg::R0));
                }
                match map {
                    Store::Array => 16,
                    Store::Hash => 8,
                }
            }
            Region::Packet(len, check) => return self.packet(memory, base, len, check),
            Region::Stack => {
                self.whole_stack(base);
                64
            }
        };
        self.forget(base);
        Pointer { base, len, missing }
    }

    /// Makes `base` point into the packet, with `len` bytes after it.
    fn packet(&mut self, memory: &Memory, base: Reg, len: u8, check: JumpOp) -> Pointer {
        let (start, end) = match self.plan.kind {
            Kind::Xdp => (0, 4),
            Kind::SchedCls | Kind::SocketFilter => (76, 80),
        };
        self.load(base, Size::W, Extend::Zero, Reg::R6, start);
        self.forget(base);
        let (missing, pinned) = (Vec::new(), self.frame.pinned);
        let mut pointer = Pointer { base, len, missing };
        self.frame.pinned |= bit(base);
        self.index(memory, &mut pointer);
        let limit = self.scratch(memory.base);
        self.frame.pinned |= bit(limit);
        let sum = self.scratch(memory.base);
        self.frame.pinned = pinned;
        self.load(limit, Size::W, Extend::Zero, Reg::R6, end);
        self.mov(sum, Operand::Reg(base));
        self.add(sum, i32::from(len));
        [limit, sum].into_iter().for_each(|reg| self.forget(reg));
        let (lhs, rhs) = match check {
            JumpOp::Lt | JumpOp::Le => (limit, sum),
            _ => (sum, limit),
        };
        let missing = self.jump_if(Width::W64, check, lhs, Operand::Reg(rhs));
        pointer.missing.push(missing);
        pointer.len = len;
        pointer
    }

    /// Adds a number that is held to a limit.
    fn index(&mut self, memory: &Memory, pointer: &mut Pointer) {
        let Some(index) = &memory.index else { return };
        // Atomic operations and the stack want their alignment.
        let aligned = memory.region_is_aligned() || index.scale == Scale::Words;
        let unit = if aligned { 8 } else { 1 };
        let most = pointer.len.saturating_sub(8) / unit;
        let limit = match most {
            0 => 0,
            most => index.limit % (most + 1),
        };
        let from = self.number(index.from);
        let reg = self.scratch(index.limit);
        if reg == pointer.base {
            return;
        }
        self.alu(index.bound.width(), AluOp::Mov, reg, Operand::Reg(from));
        self.forget(reg);
        let limit = self.bound(reg, index.bound, limit, pointer);
        if aligned {
            self.alu(Width::W64, AluOp::Lsh, reg, Operand::Imm(3));
        }
        self.alu(Width::W64, AluOp::Add, pointer.base, Operand::Reg(reg));
        pointer.len = pointer.len.saturating_sub(limit.saturating_mul(unit));
    }

    /// Holds a number to a limit, and tells which one it is.
    fn bound(&mut self, reg: Reg, bound: Bound, limit: u8, pointer: &mut Pointer) -> u8 {
        let imm = Operand::Imm(i32::from(limit));
        // The least power of two above, halved: a mask and a shift have only such limits.
        let ones = u8::MAX
            .checked_shr(limit.saturating_add(1).leading_zeros() + 1)
            .unwrap_or(0);
        let bits = i32::try_from(ones.count_ones()).unwrap_or(0);
        match bound {
            Bound::Mask(width) => {
                self.alu(width, AluOp::And, reg, Operand::Imm(i32::from(ones)));
                return ones;
            }
            Bound::Shift(width) => {
                let all = match width {
                    Width::W32 => 32,
                    Width::W64 => 64,
                };
                let by = Operand::Imm((all - bits).min(all - 1));
                self.alu(width, AluOp::Rsh, reg, by);
                return ones.max(1);
            }
            Bound::Unsigned(width) => {
                pointer
                    .missing
                    .push(self.jump_if(width, JumpOp::Gt, reg, imm));
            }
            Bound::Signed(width) => {
                let below = self.jump_if(width, JumpOp::SLt, reg, Operand::Imm(0));
                pointer.missing.push(below);
                pointer
                    .missing
                    .push(self.jump_if(width, JumpOp::SGt, reg, imm));
            }
            Bound::Equal(width) => {
                pointer
                    .missing
                    .push(self.jump_if(width, JumpOp::Ne, reg, imm));
            }
        }
        limit
    }

    fn access(&mut self, access: &Access, memory: &Memory, pointer: &Pointer) {
        let size = match access.does {
            Does::Atomic(..) => access.size.max(Size::W),
            Does::Load(..) | Does::Store(_) => access.size,
        };
        let bytes = u8::try_from(size.bytes()).unwrap_or(8);
        let Some(room) = pointer.len.checked_sub(bytes) else {
            return;
        };
        let off = access.off % (room + 1);
        let is_aligned = memory.region_is_aligned() || matches!(access.does, Does::Atomic(..));
        let off = i16::from(if is_aligned { off / bytes * bytes } else { off });
        match access.does {
            Does::Load(dst, extend) => {
                let dst = self.writable(dst);
                self.load(dst, size, extend, pointer.base, off);
                self.set_number(dst);
            }
            Does::Store(src) => {
                let src = self.operand(src);
                self.store(size, pointer.base, off, src);
            }
            // The verifier knows no atomic operations on packets.
            Does::Atomic(..) if matches!(memory.region, Region::Packet(..)) => {}
            Does::Atomic(op, src) => self.atomic(op, size, pointer.base, off, src),
        }
    }

    fn atomic(&mut self, op: AtomicOp, size: Size, base: Reg, off: i16, src: u8) {
        let width = match size {
            Size::DW => Width::W64,
            Size::B | Size::H | Size::W => Width::W32,
        };
        let op = match op {
            // It compares with `r0`, which must be a number then.
            AtomicOp::Cmpxchg if self.frame.state.numbers & bit(Reg::R0) == 0 => AtomicOp::Xchg,
            op => op,
        };
        let src = match op {
            AtomicOp::Add(Fetch::No)
            | AtomicOp::Or(Fetch::No)
            | AtomicOp::And(Fetch::No)
            | AtomicOp::Xor(Fetch::No)
            | AtomicOp::Cmpxchg => self.number(src),
            AtomicOp::Add(Fetch::Yes)
            | AtomicOp::Or(Fetch::Yes)
            | AtomicOp::And(Fetch::Yes)
            | AtomicOp::Xor(Fetch::Yes)
            | AtomicOp::Xchg => self.changing(src),
        };
        self.push(Insn::Atomic {
            op,
            width,
            base,
            off,
            src,
        });
    }
}

impl Memory {
    /// Whether accesses to the region must be aligned.
    fn region_is_aligned(&self) -> bool {
        let atomic = |access: &Access| matches!(access.does, Does::Atomic(..));
        matches!(self.region, Region::Stack) || self.accesses.iter().any(atomic)
    }
}
