//! How the parts of a scalar teach each other.
//!
//! No operation adds knowledge here: every member before is a member after. It is not a closure
//! either; what one call leaves unlearnt shows in Linux's logs, and so in ours.
//!
//! Rules:
//! - The order of the steps, and that ranges are deduced twice, are Linux 6.12's (`reg_bounds_sync`).
//! - Each step narrows: the tighter of the old and the learnt end stays. Only the last of
//!   a round replaces the 64-bit ranges by that of the low half, even if an end was tighter.

use super::Scalar;
use crate::isa::Width;
use crate::verifier::tnum::Tnum;

impl Scalar {
    /// Carries what each part knows to the others, in the kernel's order and as often.
    ///
    /// The order decides how much is found, so it shows in logs: bits to ranges; ranges
    /// to each other, twice; ranges to bits; and bits to ranges again.
    pub fn sync(&mut self) {
        self.narrow_by_bits(Width::W32);
        self.narrow_by_bits(Width::W64);
        self.deduce();
        self.deduce();
        self.narrow_bits();
        self.narrow_by_bits(Width::W32);
        self.narrow_by_bits(Width::W64);
    }

    /// Ranges from bits: the signed ones from the choice of the sign bit.
    pub(super) fn narrow_by_bits(&mut self, width: Width) {
        let bits = self.bits(width);
        match width {
            Width::W32 => {
                let (value, mask) = (bits.value as i32, bits.mask as i32);
                self.narrow_s32(value | (mask & i32::MIN), value | (mask & i32::MAX));
                self.narrow_u32(bits.min() as u32, bits.max() as u32);
            }
            Width::W64 => {
                let (value, mask) = (bits.value as i64, bits.mask as i64);
                self.narrow_s64(value | (mask & i64::MIN), value | (mask & i64::MAX));
                self.narrow_u64(bits.min(), bits.max());
            }
        }
    }

    /// Bits from ranges.
    fn narrow_bits(&mut self) {
        let wide = self.tnum.intersect(Tnum::range(self.umin, self.umax));
        let low = Tnum::range(self.u32_min.into(), self.u32_max.into());
        self.tnum = wide.clear_subreg().or(wide.subreg().intersect(low));
    }

    /// One round of ranges to ranges.
    fn deduce(&mut self) {
        self.deduce_32_from_64();
        self.deduce_32_from_sign();
        self.deduce_64_from_sign();
        self.deduce_64_from_32();
    }

    /// The low half of a 64-bit range is a range where the upper half is one number, or two that
    /// follow each other while the low half goes from negative to positive.
    fn deduce_32_from_64(&mut self) {
        let (umin, umax) = (self.umin, self.umax);
        if umin >> 32 == umax >> 32 {
            self.narrow_u32(umin as u32, umax as u32);
            self.narrow_s32_if_ordered(umin as i32, umax as i32);
        }
        let (smin, smax) = (self.smin, self.smax);
        if smin >> 32 == smax >> 32 {
            self.narrow_u32_if_ordered(smin as u32, smax as u32);
            self.narrow_s32_if_ordered(smin as i32, smax as i32);
        }
        for (min, max) in [(umin, umax), (smin as u64, smax as u64)] {
            let follows = ((min >> 32) as u32).wrapping_add(1) == (max >> 32) as u32;
            if follows && (min as i32) < 0 && max as i32 >= 0 {
                self.narrow_s32(min as i32, max as i32);
            }
        }
    }

    /// A range that doesn't cross the sign is the same signed and unsigned. A signed range that
    /// does is two unsigned ones, at the bottom and at the top; where the unsigned range meets only
    /// one of them, the number is in that one.
    fn deduce_32_from_sign(&mut self) {
        self.narrow_s32_if_ordered(self.u32_min as i32, self.u32_max as i32);
        if self.s32_min as u32 <= self.s32_max as u32 {
            self.narrow_u32(self.s32_min as u32, self.s32_max as u32);
        } else if self.u32_max < self.s32_min as u32 {
            self.s32_min = self.u32_min as i32;
            self.u32_max = self.u32_max.min(self.s32_max as u32);
        } else if (self.s32_max as u32) < self.u32_min {
            self.s32_max = self.u32_max as i32;
            self.u32_min = self.u32_min.max(self.s32_min as u32);
        }
    }

    /// So it is with 64 bits.
    fn deduce_64_from_sign(&mut self) {
        if self.umin as i64 <= self.umax as i64 {
            self.narrow_s64(self.umin as i64, self.umax as i64);
        }
        if self.smin as u64 <= self.smax as u64 {
            self.narrow_u64(self.smin as u64, self.smax as u64);
        } else if self.umax < self.smin as u64 {
            self.smin = self.umin as i64;
            self.umax = self.umax.min(self.smax as u64);
        } else if (self.smax as u64) < self.umin {
            self.smax = self.umax as i64;
            self.umin = self.umin.max(self.smin as u64);
        }
    }

    /// The ends of a 64-bit range move to the ends of the low half under the same upper half.
    fn deduce_64_from_32(&mut self) {
        const LOW: u64 = u32::MAX as u64;
        let with_low = |end: u64, low: u32| (end & !LOW) | u64::from(low);
        self.narrow_u64(
            with_low(self.umin, self.u32_min),
            with_low(self.umax, self.u32_max),
        );
        let smin = with_low(self.smin as u64, self.u32_min) as i64;
        let smax = with_low(self.smax as u64, self.u32_max) as i64;
        self.narrow_s64(smin, smax);
        // In a range of sign-extended 32-bit numbers, a low half that is not negative is the whole.
        let of_32_bits = self.smin >= i32::MIN.into() && self.smax <= i32::MAX.into();
        if self.s32_min >= 0 && of_32_bits {
            (self.smin, self.smax) = (self.s32_min.into(), self.s32_max.into());
            (self.umin, self.umax) = (self.s32_min as u64, self.s32_max as u64);
            self.tnum = self.tnum.intersect(Tnum::range(self.umin, self.umax));
        }
    }

    fn narrow_u64(&mut self, min: u64, max: u64) {
        (self.umin, self.umax) = (self.umin.max(min), self.umax.min(max));
    }

    pub(super) fn narrow_s64(&mut self, min: i64, max: i64) {
        (self.smin, self.smax) = (self.smin.max(min), self.smax.min(max));
    }

    fn narrow_u32(&mut self, min: u32, max: u32) {
        (self.u32_min, self.u32_max) = (self.u32_min.max(min), self.u32_max.min(max));
    }

    fn narrow_s32(&mut self, min: i32, max: i32) {
        (self.s32_min, self.s32_max) = (self.s32_min.max(min), self.s32_max.min(max));
    }

    fn narrow_u32_if_ordered(&mut self, min: u32, max: u32) {
        if min <= max {
            self.narrow_u32(min, max);
        }
    }

    fn narrow_s32_if_ordered(&mut self, min: i32, max: i32) {
        if min <= max {
            self.narrow_s32(min, max);
        }
    }
}
