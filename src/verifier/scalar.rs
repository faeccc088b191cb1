//! The scalar domain: what the verifier knows of a 64-bit number that is not a pointer.
//!
//! It is not a register: identity (`id`), precision marks, pointer kinds and liveness are the
//! caller's. It is as precise as Linux 6.12 (`kernel/bpf/verifier.c`), and where 6.12 is imprecise
//! it is imprecise alike, for verdicts must be equal and logs print the ranges.
//!
//! The lattice:
//! - An element is a [`Tnum`] and four ranges: unsigned and signed, of all 64 bits and of the low 32.
//!   A number is a member when all five agree ([`Scalar::contains`]).
//! - Top is [`Scalar::unknown`].
//! - Bottom has no form of its own: the branch that can't be taken may leave ranges whose minimum
//!   exceeds the maximum. Linux notices with [`Scalar::find_violation`] after each operation and then
//!   falls back to [`Scalar::forget_bounds`], which is sound; nothing here panics on such an element.
//! - The order is [`Scalar::includes`]. It compares the parts, so that it can miss an inclusion.
//! - Meet is not one function: a branch narrows the parts its condition speaks of ([`Scalar::refine`]),
//!   and [`Scalar::sync`] carries what was learnt to the others.
//!
//! The rules, one per operation (`alu`):
//! - add, sub: each part on its own; a range one end of which may wrap is lost.
//! - mul: ranges only for numbers that are not negative and have half the width.
//! - and, or, xor: ranges from the bits and the operands' unsigned ranges.
//! - lsh, rsh, arsh: by a known count below the width; by any other the result is unknown, *all 64 bits*
//!   of it even for a 32-bit shift.
//! - div, mod, signed or not, neg and byte swaps: unknown, even of constants. (Linux 6.17 learnt neg.)
//! - mov, and each 32-bit operation at its end: the upper half becomes zero ([`Scalar::zero_extend`]).
//! - sign-extending moves and loads: exact for constants, else the range of the size unless all members
//!   agree in the upper bits and in the sign.
//!
//! The rules of branches (`branch`):
//! - A condition is decided when the ranges (for equality also those of the low half) don't overlap, or
//!   touch only at ends that decide it; a bit test only against a constant.
//! - `==` makes both operands what is common to them; `!=` moves an end of the range off a constant;
//!   `<`, `<=` and their kin bound either side by the other's end; a bit test against a
//!   constant clears its bits when it fails, and sets its bit when it holds and has just one.
//!
//! The reference is 6.12.117, which has from later kernels: ranges that cross the sign, bits that differ
//! in an equality, a bit test that failed and forgets the ranges, and (in `verifier::alu`) a path for each of
//! -1 and 0 before `and`. Other kernels know more, which a profile of them must add: products of any
//! sign (6.14), negation, sums both ends of which wrap and a third round of deductions (6.17), products by
//! joined bits, left shifts by 32 of negative numbers, a range with one member of the bits (6.18).

mod alu;
mod bounds;
mod branch;
mod display;
mod extend;
mod sync;

pub use branch::Branch;
pub use display::{Signed, Unsigned};

use std::fmt;

use super::tnum::Tnum;
use crate::isa::{Size, Width};
use bounds::Bounds;

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// The known bits.
    pub tnum: Tnum,
    /// Smallest, unsigned.
    pub umin: u64,
    /// Largest, unsigned.
    pub umax: u64,
    /// Smallest, signed.
    pub smin: i64,
    /// Largest, signed.
    pub smax: i64,
    /// Smallest of the low half, unsigned.
    pub u32_min: u32,
    /// Largest of the low half, unsigned.
    pub u32_max: u32,
    /// Smallest of the low half, signed.
    pub s32_min: i32,
    /// Largest of the low half, signed.
    pub s32_max: i32,
}

/// How an element contradicts itself; it prints as in the kernel's warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A minimum exceeds its maximum: "range bounds violation".
    Ranges,
    /// All bits are known, and the ranges differ: "const tnum out of sync with range bounds".
    Const,
    /// So it is with the low half: "const subreg tnum out of sync with range bounds".
    SubregConst,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Violation::Ranges => "range bounds violation",
            Violation::Const => "const tnum out of sync with range bounds",
            Violation::SubregConst => "const subreg tnum out of sync with range bounds",
        })
    }
}

impl Scalar {
    /// Any number: the top of the lattice.
    pub const fn unknown() -> Scalar {
        Scalar {
            tnum: Tnum::UNKNOWN,
            umin: 0,
            umax: u64::MAX,
            smin: i64::MIN,
            smax: i64::MAX,
            u32_min: 0,
            u32_max: u32::MAX,
            s32_min: i32::MIN,
            s32_max: i32::MAX,
        }
    }

    /// The one number.
    pub const fn constant(number: u64) -> Scalar {
        Scalar {
            tnum: Tnum::constant(number),
            umin: number,
            umax: number,
            smin: number as i64,
            smax: number as i64,
            u32_min: number as u32,
            u32_max: number as u32,
            s32_min: number as i32,
            s32_max: number as i32,
        }
    }

    /// What a zero-extending load of that size gives.
    pub fn of_size(size: Size) -> Scalar {
        Scalar::unknown().truncate(size)
    }

    /// What a sign-extending load of that size gives.
    pub fn of_signed_size(size: Size) -> Scalar {
        Scalar::unknown().sign_extend(size)
    }

    /// Whether one number only is left; the kernel asks the bits, not the ranges.
    pub fn is_const(&self) -> bool {
        self.tnum.is_const()
    }

    /// The number, if one only is left.
    pub fn const_value(&self) -> Option<u64> {
        self.is_const().then_some(self.tnum.value)
    }

    /// The low half, if it is known.
    pub fn subreg_const(&self) -> Option<u32> {
        self.tnum
            .is_subreg_const()
            .then_some(self.tnum.value as u32)
    }

    /// The number as an operation of that width sees it, zero-extended, if it is known.
    pub fn const_at(&self, width: Width) -> Option<u64> {
        match width {
            Width::W32 => self.subreg_const().map(u64::from),
            Width::W64 => self.const_value(),
        }
    }

    /// Whether the number is a member.
    pub fn contains(&self, number: u64) -> bool {
        self.tnum.contains(number)
            && (self.umin..=self.umax).contains(&number)
            && (self.smin..=self.smax).contains(&(number as i64))
            && (self.u32_min..=self.u32_max).contains(&(number as u32))
            && (self.s32_min..=self.s32_max).contains(&(number as i32))
    }

    /// Whether each part of `self` holds that of `other`: what was found safe for `self` is safe for
    /// `other`, and the path can be pruned.
    pub fn includes(&self, other: &Scalar) -> bool {
        self.tnum.includes(other.tnum)
            && self.umin <= other.umin
            && self.umax >= other.umax
            && self.smin <= other.smin
            && self.smax >= other.smax
            && self.u32_min <= other.u32_min
            && self.u32_max >= other.u32_max
            && self.s32_min <= other.s32_min
            && self.s32_max >= other.s32_max
    }

    /// How the element contradicts itself, if it does.
    pub fn find_violation(&self) -> Option<Violation> {
        if self.umin > self.umax
            || self.smin > self.smax
            || self.u32_min > self.u32_max
            || self.s32_min > self.s32_max
        {
            return Some(Violation::Ranges);
        }
        let exact = Scalar::constant(self.tnum.value);
        if self.is_const() && self.bounds(Width::W64) != exact.bounds(Width::W64) {
            return Some(Violation::Const);
        }
        let in_sync = self.bounds(Width::W32) == exact.bounds(Width::W32);
        (self.tnum.is_subreg_const() && !in_sync).then_some(Violation::SubregConst)
    }

    /// Gives up the ranges, not the bits.
    pub fn forget_bounds(&mut self) {
        *self = Scalar {
            tnum: self.tnum,
            ..Scalar::unknown()
        };
    }

    /// Gives up the ranges of the low half: pointers have none.
    pub fn forget_subreg_bounds(&mut self) {
        self.set_bounds(Bounds::full(Width::W32));
    }

    /// The bounds of one width.
    fn bounds(&self, width: Width) -> Bounds {
        match width {
            Width::W32 => Bounds {
                width,
                umin: self.u32_min.into(),
                umax: self.u32_max.into(),
                smin: self.s32_min.into(),
                smax: self.s32_max.into(),
            },
            Width::W64 => Bounds {
                width,
                umin: self.umin,
                umax: self.umax,
                smin: self.smin,
                smax: self.smax,
            },
        }
    }

    /// Replaces the bounds of one width.
    fn set_bounds(&mut self, bounds: Bounds) {
        let Bounds {
            width,
            umin,
            umax,
            smin,
            smax,
        } = bounds;
        match width {
            Width::W32 => {
                (self.u32_min, self.u32_max) = (umin as u32, umax as u32);
                (self.s32_min, self.s32_max) = (smin as i32, smax as i32);
            }
            Width::W64 => {
                (self.umin, self.umax, self.smin, self.smax) = (umin, umax, smin, smax);
            }
        }
    }

    /// The known bits of one width.
    fn bits(&self, width: Width) -> Tnum {
        match width {
            Width::W32 => self.tnum.subreg(),
            Width::W64 => self.tnum,
        }
    }

    /// Replaces the known bits of one width; those above stay.
    fn set_bits(&mut self, width: Width, bits: Tnum) {
        self.tnum = match width {
            Width::W32 => self.tnum.with_subreg(bits),
            Width::W64 => bits,
        };
    }
}

#[cfg(test)]
mod tests;
