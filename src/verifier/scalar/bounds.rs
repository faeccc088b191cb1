//! The four bounds of one width, and the arithmetic on them that 32 and 64 bits share.
//!
//! A view of half a [`Scalar`](super::Scalar) while one operation works on it, not a domain of its
//! own: nothing here looks at the other width.
//!
//! Rules:
//! - 32-bit bounds are held widened, the unsigned with zeros and the signed with the sign, so that
//!   one text serves both widths.
//! - A result that may wrap becomes the full range of its sign; the other sign is judged on its own.

use crate::isa::Width;
use crate::verifier::tnum::Tnum;

/// Unsigned and signed range of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The width whose limits hold.
    pub(super) width: Width,
    /// Smallest, unsigned.
    pub(super) umin: u64,
    /// Largest, unsigned.
    pub(super) umax: u64,
    /// Smallest, signed.
    pub(super) smin: i64,
    /// Largest, signed.
    pub(super) smax: i64,
}

impl Bounds {
    /// The largest unsigned number of the width.
    fn unsigned_limit(width: Width) -> u64 {
        match width {
            Width::W32 => u64::from(u32::MAX),
            Width::W64 => u64::MAX,
        }
    }

    /// The least and the greatest signed number of the width.
    fn signed_limits(width: Width) -> (i64, i64) {
        match width {
            Width::W32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Width::W64 => (i64::MIN, i64::MAX),
        }
    }

    /// The number as a signed one of the width.
    fn as_signed(width: Width, number: u64) -> i64 {
        match width {
            Width::W32 => i64::from(number as i32),
            Width::W64 => number as i64,
        }
    }

    /// The full range.
    pub(super) fn full(width: Width) -> Bounds {
        let (smin, smax) = Bounds::signed_limits(width);
        Bounds {
            width,
            umin: 0,
            umax: Bounds::unsigned_limit(width),
            smin,
            smax,
        }
    }

    /// The one number, its low bits if the width is 32.
    pub(super) fn constant(width: Width, number: u64) -> Bounds {
        let unsigned = number & Bounds::unsigned_limit(width);
        let signed = Bounds::as_signed(width, number);
        Bounds {
            width,
            umin: unsigned,
            umax: unsigned,
            smin: signed,
            smax: signed,
        }
    }

    /// These unsigned bounds, and the full signed range.
    fn with_unsigned(self, umin: u64, umax: u64) -> Bounds {
        Bounds {
            umin,
            umax,
            ..Bounds::full(self.width)
        }
    }

    /// These unsigned bounds, and the same as signed ones where they don't cross the sign.
    fn with_both_signs(self, umin: u64, umax: u64) -> Bounds {
        let (smin, smax) = (
            Bounds::as_signed(self.width, umin),
            Bounds::as_signed(self.width, umax),
        );
        let bounds = self.with_unsigned(umin, umax);
        if smin <= smax {
            Bounds {
                smin,
                smax,
                ..bounds
            }
        } else {
            bounds
        }
    }

    /// An unsigned pair unless one of them left the width.
    fn or_full_unsigned(self, umin: Option<u64>, umax: Option<u64>) -> (u64, u64) {
        let limit = Bounds::unsigned_limit(self.width);
        match (umin, umax) {
            (Some(umin), Some(umax)) if umin <= limit && umax <= limit => (umin, umax),
            _ => (0, limit),
        }
    }

    /// A signed pair unless one of them left the width.
    fn or_full_signed(self, smin: Option<i64>, smax: Option<i64>) -> (i64, i64) {
        let limits = Bounds::signed_limits(self.width);
        let fits = |number: i64| (limits.0..=limits.1).contains(&number);
        match (smin, smax) {
            (Some(smin), Some(smax)) if fits(smin) && fits(smax) => (smin, smax),
            _ => limits,
        }
    }

    /// Sums. Linux before 6.17 gives up when *either* end wraps.
    pub(super) fn add(self, other: Bounds) -> Bounds {
        let (umin, umax) = self.or_full_unsigned(
            self.umin.checked_add(other.umin),
            self.umax.checked_add(other.umax),
        );
        let (smin, smax) = self.or_full_signed(
            self.smin.checked_add(other.smin),
            self.smax.checked_add(other.smax),
        );
        Bounds {
            width: self.width,
            umin,
            umax,
            smin,
            smax,
        }
    }

    /// Differences; gives up as [`Bounds::add`] does.
    pub(super) fn sub(self, other: Bounds) -> Bounds {
        let lowest = self.umin.checked_sub(other.umax);
        let highest = self.umax.wrapping_sub(other.umin);
        let (umin, umax) = self.or_full_unsigned(lowest, Some(highest));
        let (smin, smax) = self.or_full_signed(
            self.smin.checked_sub(other.smax),
            self.smax.checked_sub(other.smin),
        );
        Bounds {
            width: self.width,
            umin,
            umax,
            smin,
            smax,
        }
    }

    /// Products of numbers that are not negative and have half the width; Linux before 6.14 knows
    /// nothing of others.
    pub(super) fn mul(self, other: Bounds) -> Bounds {
        let half = match self.width {
            Width::W32 => u64::from(u16::MAX),
            Width::W64 => u64::from(u32::MAX),
        };
        if self.smin < 0 || other.smin < 0 || self.umax > half || other.umax > half {
            return Bounds::full(self.width);
        }
        let (umin, umax) = (
            self.umin.wrapping_mul(other.umin),
            self.umax.wrapping_mul(other.umax),
        );
        let smax = Bounds::as_signed(self.width, umax);
        if smax < 0 {
            self.with_unsigned(umin, umax)
        } else {
            self.with_both_signs(umin, umax)
        }
    }

    /// Conjunctions that have the bits `result`.
    pub(super) fn and(self, other: Bounds, result: Tnum) -> Bounds {
        self.with_both_signs(result.min(), self.umax.min(other.umax))
    }

    /// Disjunctions that have the bits `result`.
    pub(super) fn or(self, other: Bounds, result: Tnum) -> Bounds {
        self.with_both_signs(self.umin.max(other.umin), result.max())
    }

    /// Exclusive disjunctions that have the bits `result`.
    pub(super) fn xor(self, _other: Bounds, result: Tnum) -> Bounds {
        self.with_both_signs(result.min(), result.max())
    }

    /// Left shifts by a constant; nothing is known once the top bit may be lost.
    pub(super) fn lsh(self, count: u32) -> Bounds {
        let limit = Bounds::unsigned_limit(self.width);
        let largest = (limit ^ (limit >> 1)).checked_shr(count);
        match largest {
            Some(largest) if largest > 0 && self.umax <= largest => {
                self.with_unsigned(self.umin.wrapping_shl(count), self.umax.wrapping_shl(count))
            }
            Some(_) | None => Bounds::full(self.width),
        }
    }

    /// Logical right shifts by a constant below the width.
    pub(super) fn rsh(self, count: u32) -> Bounds {
        self.with_unsigned(self.umin.wrapping_shr(count), self.umax.wrapping_shr(count))
    }

    /// Arithmetic right shifts by a constant below the width.
    pub(super) fn arsh(self, count: u32) -> Bounds {
        let full = Bounds::full(self.width);
        Bounds {
            smin: self.smin.wrapping_shr(count),
            smax: self.smax.wrapping_shr(count),
            ..full
        }
    }
}
