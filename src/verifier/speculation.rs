//! What a processor might do in speculation, for programs that must not learn from it.
//!
//! A processor may run the wrong side of a branch for a while, and arithmetic on pointers with
//! numbers that only hold on the right side. So the wrong sides of decided branches are explored,
//! too, and additions of numbers to pointers are masked to a limit that must be the same on every
//! path; what a mask makes of a number, 0, is explored as well.
//!
//! Kernel: `sanitize_ptr_alu`, `sanitize_val_alu`, `sanitize_check_bounds`,
//! `sanitize_speculative_path` in kernel/bpf/verifier.c, 6.12.

use crate::isa::{AluOp, Operand, Pc, Reg};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Region};
use super::state::{Kind, MAX_STACK, Register};

/// What ends each refusal.
const PROHIBITED: &str = "pointer arithmetic with it prohibited for !root";

/// How an addition is masked, the same on every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mask {
    /// It adds numbers, and is not.
    Numbers,
    /// The number is masked.
    Pointer {
        /// Whether the number is negative.
        is_negative: bool,
        /// Whether it is known.
        is_known: bool,
        /// Whether the pointer is the destination.
        pointer_first: bool,
        /// The largest number that is let through.
        limit: u32,
    },
}

/// An addition of a number to a pointer, or a subtraction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addition {
    pub(super) op: AluOp,
    pub(super) dst: Reg,
    pub(super) src: Operand,
    pub(super) pointer: Register,
    pub(super) number: Register,
    /// Whether the pointer is the destination.
    pub(super) pointer_first: bool,
}

/// What is known of a mask before the result is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    limit: u32,
}

/// Which way a masked number moves the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
}

impl Addition {
    fn is_masked(&self) -> bool {
        matches!(self.op, AluOp::Add | AluOp::Sub) && matches!(self.src, Operand::Reg(_))
    }

    fn direction(&self) -> Direction {
        let is_negative = self.number.value.smin < 0;
        match (self.op == AluOp::Add, is_negative) {
            (true, true) | (false, false) => Direction::Left,
            (true, false) | (false, true) => Direction::Right,
        }
    }

    /// The registers of the pointer and of the number, for messages.
    fn registers(&self) -> (Reg, Reg) {
        let src = match self.src {
            Operand::Reg(src) => src,
            Operand::Imm(_) => self.dst,
        };
        match self.pointer_first {
            true => (self.dst, src),
            false => (src, self.dst),
        }
    }
}

impl Verifier<'_> {
    /// Before a pointer is moved: judges the mask, and explores what a masked number does.
    pub(super) fn begin_masked(&mut self, addition: &Addition) -> Check<Option<Started>> {
        if self.rights.may_speculate || !addition.is_masked() {
            return Ok(None);
        }
        let known = addition.number.value.is_const();
        let mut started = Started { limit: 0 };
        // What runs in speculation only was masked for the other paths.
        if !self.cur.speculative {
            let (_, number) = addition.registers();
            let value = &addition.number.value;
            if !known && (value.smin < 0) != (value.smax < 0) {
                return Err(Fail::access(format!(
                    "R{} has unknown scalar with mixed signed bounds, {PROHIBITED}",
                    number.number()
                )));
            }
            started.limit = self.limit_of(addition, &addition.pointer)?;
            if !known {
                self.explores_limits = true;
            }
        }
        if !known {
            self.explore_masked(addition)?;
        }
        Ok(Some(started))
    }

    /// Explores, in speculation, what follows when the number was masked to 0.
    fn explore_masked(&mut self, addition: &Addition) -> Check {
        let (next, pc) = (self.pc.next(), self.pc);
        let dst = addition.dst;
        let live = self.cur.reg(dst).live;
        let pointer = addition.pointer.with_live(live);
        self.speculate(next, pc, |state| *state.reg_mut(dst) = pointer)
            .map_err(|_| {
                Fail::access(format!(
                    "R{} could not be pushed for speculative verification, {PROHIBITED}",
                    dst.number()
                ))
            })
    }

    /// After a pointer was moved: where it may point to, and whether the mask is that of other
    /// paths.
    pub(super) fn end_masked(
        &mut self,
        addition: &Addition,
        moved: &Register,
        started: Option<Started>,
    ) -> Check {
        if self.rights.may_speculate {
            return Ok(());
        }
        self.check_stays_within(addition.dst, moved)?;
        let Some(started) = started.filter(|_| !self.cur.speculative) else {
            return Ok(());
        };
        let limit = self.limit_of(addition, moved)?;
        let mask = Mask::Pointer {
            is_negative: addition.number.value.smin < 0,
            is_known: addition.number.value.is_const(),
            pointer_first: addition.pointer_first,
            limit: started.limit.abs_diff(limit),
        };
        self.note_mask(mask, addition.op, addition.dst)
    }

    /// Numbers are added here: no pointer may be on another path.
    pub(super) fn check_unmasked(&mut self, op: AluOp, dst: Reg, src: Operand) -> Check {
        let is_masked = matches!(op, AluOp::Add | AluOp::Sub) && matches!(src, Operand::Reg(_));
        if self.rights.may_speculate || !is_masked {
            return Ok(());
        }
        self.note_mask(Mask::Numbers, op, dst)
    }

    fn note_mask(&mut self, mask: Mask, op: AluOp, dst: Reg) -> Check {
        let noted = self.masks.entry(self.pc).or_insert(mask);
        if *noted == mask {
            return Ok(());
        }
        Err(Fail::access(format!(
            "R{} tried to {} from different maps, paths or scalars, {PROHIBITED}",
            dst.number(),
            verb(op)
        )))
    }

    /// How far the pointer may be moved.
    fn limit_of(&self, addition: &Addition, pointer: &Register) -> Check<u32> {
        let (at, _) = addition.registers();
        let left = addition.direction() == Direction::Left;
        let off = i64::from(pointer.off);
        let (most, limit) = match pointer.kind {
            Kind::Stack(_) => {
                let var = pointer.value.tnum.min().cast_signed();
                let most = i64::from(MAX_STACK) + i64::from(left);
                (most, off.wrapping_add(var).wrapping_neg())
            }
            Kind::MapValue(map) => {
                let var = match left {
                    true => pointer.value.smin,
                    false => pointer.value.umax.cast_signed(),
                };
                let most = i64::from(self.map_spec(map).value_size);
                (most, off.wrapping_add(var))
            }
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::MapKey(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Btf(..)
            | Kind::Local(..)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Dynptr
            | Kind::Arena
            | Kind::Buf(_) => {
                return Err(Fail::access(format!(
                    "R{} has pointer with unsupported alu operation, {PROHIBITED}",
                    at.number()
                )));
            }
        };
        // The kernel counts in 32 bits: what is below 0 is far above the most.
        let limit = limit as u32;
        if i64::from(limit) >= most {
            return Err(Fail::access(format!(
                "R{} tried to {} beyond pointer bounds, {PROHIBITED}",
                addition.dst.number(),
                verb(addition.op)
            )));
        }
        Ok(limit)
    }

    /// Refuses a pointer that was moved out of what it points into.
    fn check_stays_within(&self, dst: Reg, moved: &Register) -> Check {
        let number = dst.number();
        match moved.kind {
            Kind::Stack(_) => {
                let known = moved.value.tnum.min().cast_signed();
                let off = known.wrapping_add(i64::from(moved.off));
                if !moved.value.is_const() {
                    let var_off = moved.value.tnum;
                    return Err(Fail::access(format!(
                        "R{number} variable stack access prohibited for !root, \
                         var_off={var_off} off={off}"
                    )));
                }
                if off >= 0 || off < i64::from(-MAX_STACK) {
                    return Err(Fail::access(format!(
                        "R{number} stack pointer arithmetic goes out of range, \
                         prohibited for !root; off={off}"
                    )));
                }
                Ok(())
            }
            Kind::MapValue(map) => {
                let region = Region {
                    what: "map value, value",
                    size: self.map_spec(map).value_size,
                };
                let access = Access::by_helper(dst, 1);
                self.check_region(moved, access, region).map_err(|fail| {
                    fail.then(format!(
                        "R{number} pointer arithmetic of map value goes out of range, \
                         prohibited for !root"
                    ))
                })
            }
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::MapKey(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Btf(..)
            | Kind::Local(..)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Dynptr
            | Kind::Arena
            | Kind::Buf(_) => Ok(()),
        }
    }

    /// The other side of a decided branch, on which nothing is known of what was compared.
    pub(super) fn speculate_branch(&mut self, to: Pc, dst: Reg, src: Operand) -> Check {
        if self.rights.may_speculate {
            return Ok(());
        }
        let from = self.pc;
        self.speculate(to, from, |state| {
            let mut forget = |reg: Reg| {
                let register = state.reg_mut(reg);
                *register = Register::unknown().with_live(register.live);
            };
            forget(dst);
            if let Operand::Reg(src) = src {
                forget(src);
            }
        })
    }

    fn speculate(
        &mut self,
        to: Pc,
        from: Pc,
        change: impl FnOnce(&mut super::state::State),
    ) -> Check {
        let mut state = self.cur.clone();
        state.speculative = true;
        change(&mut state);
        self.push_branch(state, to, from).map(drop)
    }
}

fn verb(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "add",
        AluOp::Sub
        | AluOp::Mul
        | AluOp::Div
        | AluOp::SDiv
        | AluOp::Or
        | AluOp::And
        | AluOp::Lsh
        | AluOp::Rsh
        | AluOp::Mod
        | AluOp::SMod
        | AluOp::Xor
        | AluOp::Mov
        | AluOp::Arsh => "sub",
    }
}
