//! Truncation, zero extension and sign extension of scalars.
//!
//! Both of moves and of loads: what is loaded is first an unknown or a spilled number, then this.
//!
//! Rules:
//! - Truncation and zero extension sync; sign extension to 64 bits does not, as in Linux 6.12.
//! - A sign extension keeps a range only if its ends agree above the moved bits and in the sign.

use super::Scalar;
use crate::isa::Size;
use crate::verifier::tnum::Tnum;

impl Scalar {
    /// The low `size` bytes, the others zero.
    pub fn truncate(mut self, size: Size) -> Scalar {
        if size == Size::DW {
            return self;
        }
        let kept = u64::MAX >> (u64::BITS - size.bits());
        self.tnum = self.tnum.cast(size);
        let same_above = self.umin & !kept == self.umax & !kept;
        (self.umin, self.umax) = if same_above {
            (self.umin & kept, self.umax & kept)
        } else {
            (0, kept)
        };
        (self.smin, self.smax) = (self.umin as i64, self.umax as i64);
        if size < Size::W {
            self.forget_subreg_bounds();
        }
        self.sync();
        self
    }

    /// The low 32 bits, the upper half zero: a 32-bit move, and the end of every 32-bit operation.
    pub fn zero_extend(mut self) -> Scalar {
        self.tnum = self.tnum.subreg();
        (self.umin, self.umax) = (self.u32_min.into(), self.u32_max.into());
        (self.smin, self.smax) = if self.s32_min >= 0 && self.s32_max >= 0 {
            (self.s32_min.into(), self.s32_max.into())
        } else {
            (0, u32::MAX.into())
        };
        self.sync();
        self
    }

    /// The low `size` bytes sign-extended to 64 bits. The kernel doesn't sync here: the unsigned
    /// ranges of a result of unknown sign are full.
    pub fn sign_extend(self, size: Size) -> Scalar {
        if size == Size::DW {
            return self;
        }
        if let Some(number) = self.const_value() {
            return Scalar::constant(sign_extended(number, size) as u64);
        }
        match sign_extended_range(self.smin, self.smax, size) {
            Some((smin, smax)) => Scalar {
                tnum: Tnum::range(smin as u64, smax as u64),
                umin: smin as u64,
                umax: smax as u64,
                smin,
                smax,
                u32_min: smin as u32,
                u32_max: smax as u32,
                s32_min: smin as i32,
                s32_max: smax as i32,
            },
            None => {
                let (smin, smax) = signed_limits(size);
                let (s32_min, s32_max) = (smin as i32, smax as i32);
                Scalar {
                    smin,
                    smax,
                    s32_min,
                    s32_max,
                    ..Scalar::unknown()
                }
            }
        }
    }

    /// The low `size` bytes, 1 or 2, sign-extended to 32 bits, the upper half zero.
    pub fn sign_extend_32(mut self, size: Size) -> Scalar {
        let range = match self.const_value() {
            Some(number) => Some((sign_extended(number, size), sign_extended(number, size))),
            None => sign_extended_range(self.s32_min.into(), self.s32_max.into(), size),
        };
        let (smin, smax) = range.unwrap_or_else(|| signed_limits(size));
        (self.s32_min, self.s32_max) = (smin as i32, smax as i32);
        if range.is_some() {
            (self.u32_min, self.u32_max) = (smin as u32, smax as u32);
            self.tnum = Tnum::range(smin as u64, smax as u64);
        } else {
            (self.u32_min, self.u32_max) = (0, u32::MAX);
            self.tnum = Tnum::UNKNOWN;
        }
        self.zero_extend()
    }
}

/// The low bytes of a number as a signed one.
fn sign_extended(number: u64, size: Size) -> i64 {
    match size {
        Size::B => (number as i8).into(),
        Size::H => (number as i16).into(),
        Size::W => (number as i32).into(),
        Size::DW => number as i64,
    }
}

/// The least and the greatest signed number of that size.
fn signed_limits(size: Size) -> (i64, i64) {
    let max = i64::MAX >> (u64::BITS - size.bits());
    (!max, max)
}

/// The range of the sign-extended low bytes, if the numbers agree above these and all have one sign.
fn sign_extended_range(smin: i64, smax: i64, size: Size) -> Option<(i64, i64)> {
    let above = u64::MAX.checked_shl(size.bits()).unwrap_or(0);
    if (smin ^ smax) as u64 & above != 0 {
        return None;
    }
    let ends = (
        sign_extended(smin as u64, size),
        sign_extended(smax as u64, size),
    );
    let (min, max) = (ends.0.min(ends.1), ends.0.max(ends.1));
    ((min >= 0) == (max >= 0)).then_some((min, max))
}
