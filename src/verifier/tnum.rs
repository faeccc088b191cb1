//! Tristate numbers: for each of 64 bits, whether it is 0, 1 or unknown.
//!
//! A domain of values only: it knows nothing of ranges (see [`scalar`](super::scalar)), registers
//! or instructions. The operations and their precision are those of "Sound, Precise, and Fast
//! Abstract Interpretation with Tristate Numbers" (Vishwanathan, Shachnai, Narayana, Nagarakatte;
//! CGO 2022), which describes what Linux 6.12 computes; verdicts and logs depend on the exact result.
//!
//! The lattice:
//! - An element is a pair `value`, `mask`; a bit set in `mask` is unknown, another has the bit of `value`.
//!   Both are never set in one bit, except in the result of [`Tnum::intersect`] of disjoint sets, see there.
//! - Top is [`Tnum::UNKNOWN`]. There is no bottom.
//! - The order is set inclusion, [`Tnum::includes`].
//! - Meet is [`Tnum::intersect`]; of disjoint elements it is *some* element, not bottom.
//!
//! One rule per operation, each result the smallest element that is known to hold all results:
//! - add, sub: the carries that differ between the all-zeros and the all-ones choice are unknown (optimal).
//! - and, or, xor, shifts by a constant: bit by bit (optimal).
//! - mul: long multiplication that sums up the unknown parts of the partial products (not optimal).
//! - cast and the subregister operations: selection of bits.

use crate::isa::{Size, Width};
use std::fmt;

/// A set of 64-bit numbers that agree in some bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tnum {
    /// The known bits; 0 where the bit is unknown.
    pub value: u64,
    /// The unknown bits.
    pub mask: u64,
}

impl Tnum {
    /// Every number: the top of the lattice.
    pub const UNKNOWN: Tnum = Tnum {
        value: 0,
        mask: u64::MAX,
    };

    /// The one number.
    pub const fn constant(value: u64) -> Tnum {
        Tnum { value, mask: 0 }
    }

    /// The least element that holds `min` to `max`: their common leading bits, nothing below.
    pub fn range(min: u64, max: u64) -> Tnum {
        let differing = (min ^ max).checked_ilog2();
        let mask = differing.map_or(0, |top| u64::MAX >> (u64::BITS - 1 - top));
        Tnum {
            value: min & !mask,
            mask,
        }
    }

    /// Whether there is one number only.
    pub fn is_const(self) -> bool {
        self.mask == 0
    }

    /// Whether nothing is known.
    pub fn is_unknown(self) -> bool {
        self == Tnum::UNKNOWN
    }

    /// The smallest unsigned member.
    pub fn min(self) -> u64 {
        self.value
    }

    /// The largest unsigned member.
    pub fn max(self) -> u64 {
        self.value | self.mask
    }

    /// Whether `number` is a member.
    pub fn contains(self, number: u64) -> bool {
        number & !self.mask == self.value
    }

    /// Whether every member of `other` is one of `self` (the kernel's `tnum_in(self, other)`).
    pub fn includes(self, other: Tnum) -> bool {
        other.mask & !self.mask == 0 && self.contains(other.value)
    }

    /// Whether every member is a multiple of `size`, a power of two; 0 asks for nothing.
    pub fn is_aligned(self, size: u64) -> bool {
        self.max() & size.saturating_sub(1) == 0
    }

    /// The meet. Of disjoint sets it is an element in which known ones win over known zeros.
    pub fn intersect(self, other: Tnum) -> Tnum {
        let mask = self.mask & other.mask;
        Tnum {
            value: (self.value | other.value) & !mask,
            mask,
        }
    }

    /// Sums, wrapping.
    #[expect(
        clippy::should_implement_trait,
        reason = "an abstract operation, named as its siblings"
    )]
    pub fn add(self, other: Tnum) -> Tnum {
        let least = self.value.wrapping_add(other.value);
        let greatest = least.wrapping_add(self.mask.wrapping_add(other.mask));
        Tnum::of_carries(least, least ^ greatest, self, other)
    }

    /// Differences, wrapping.
    #[expect(
        clippy::should_implement_trait,
        reason = "an abstract operation, named as its siblings"
    )]
    pub fn sub(self, other: Tnum) -> Tnum {
        let base = self.value.wrapping_sub(other.value);
        let borrows = base.wrapping_add(self.mask) ^ base.wrapping_sub(other.mask);
        Tnum::of_carries(base, borrows, self, other)
    }

    /// A sum or difference, unknown where a carry or an operand is.
    fn of_carries(base: u64, carries: u64, left: Tnum, right: Tnum) -> Tnum {
        let mask = carries | left.mask | right.mask;
        Tnum {
            value: base & !mask,
            mask,
        }
    }

    /// Conjunctions.
    pub fn and(self, other: Tnum) -> Tnum {
        let value = self.value & other.value;
        Tnum {
            value,
            mask: self.max() & other.max() & !value,
        }
    }

    /// Disjunctions.
    pub fn or(self, other: Tnum) -> Tnum {
        let value = self.value | other.value;
        Tnum {
            value,
            mask: (self.mask | other.mask) & !value,
        }
    }

    /// Exclusive disjunctions.
    pub fn xor(self, other: Tnum) -> Tnum {
        let mask = self.mask | other.mask;
        Tnum {
            value: (self.value ^ other.value) & !mask,
            mask,
        }
    }

    /// Products, wrapping: the paper's `our_mul`, Linux's until 6.17.
    ///
    /// The product of the known parts is known; for each bit of `self` that may be set, the part
    /// of `other` shifted there that may differ is added as an unknown amount.
    #[expect(
        clippy::should_implement_trait,
        reason = "an abstract operation, named as its siblings"
    )]
    pub fn mul(self, other: Tnum) -> Tnum {
        let mut uncertain = Tnum::constant(0);
        let mut rest = self.max();
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            let factor = if self.value >> bit & 1 == 1 {
                other.mask
            } else {
                other.max()
            };
            uncertain = uncertain.add(Tnum {
                value: 0,
                mask: factor << bit,
            });
        }
        Tnum::constant(self.value.wrapping_mul(other.value)).add(uncertain)
    }

    /// Left shifts by a count, taken modulo 64.
    pub fn lshift(self, count: u32) -> Tnum {
        Tnum {
            value: self.value.wrapping_shl(count),
            mask: self.mask.wrapping_shl(count),
        }
    }

    /// Logical right shifts by a count, taken modulo 64.
    pub fn rshift(self, count: u32) -> Tnum {
        Tnum {
            value: self.value.wrapping_shr(count),
            mask: self.mask.wrapping_shr(count),
        }
    }

    /// Arithmetic right shifts of the low `width` bits by a count, taken modulo the width; for 32
    /// bits the upper half of the result is zero. An unknown sign gives unknown upper bits.
    pub fn arshift(self, count: u32, width: Width) -> Tnum {
        let shift = |bits: u64| match width {
            Width::W32 => u64::from((bits as i32).wrapping_shr(count) as u32),
            Width::W64 => (bits as i64).wrapping_shr(count) as u64,
        };
        Tnum {
            value: shift(self.value),
            mask: shift(self.mask),
        }
    }

    /// The low bytes, the others zero.
    pub fn cast(self, size: Size) -> Tnum {
        let kept = u64::MAX >> (u64::BITS - size.bits());
        Tnum {
            value: self.value & kept,
            mask: self.mask & kept,
        }
    }

    /// The low 32 bits, the upper half zero.
    pub fn subreg(self) -> Tnum {
        self.cast(Size::W)
    }

    /// The upper half, the low 32 bits zero.
    pub fn clear_subreg(self) -> Tnum {
        self.rshift(32).lshift(32)
    }

    /// The upper half of `self` over the low half of `low`.
    pub fn with_subreg(self, low: Tnum) -> Tnum {
        self.clear_subreg().or(low.subreg())
    }

    /// Whether the low 32 bits are known.
    pub fn is_subreg_const(self) -> bool {
        self.subreg().is_const()
    }
}

/// As the verifier's log has it: `5`, `0x12345678`, `(0x0; 0xff)`.
impl fmt::Display for Tnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_const() {
            return write!(f, "({:#x}; {:#x})", self.value, self.mask);
        }
        match u16::try_from(self.value) {
            Ok(small) => write!(f, "{small}"),
            Err(_) => write!(f, "{:#x}", self.value),
        }
    }
}

#[cfg(test)]
mod tests;
