//! Arithmetic on scalars, one rule per operation, as the module above lists them.
//!
//! Not a judge of instructions: a shift count or a divisor that Linux refuses is refused elsewhere.
//!
//! Rules:
//! - Every result contains the result of every pair of members, and is as Linux 6.12 has it.
//! - Ranges of 32 and of 64 bits are computed side by side; shifts compute one and forget the other.

use super::Scalar;
use super::bounds::Bounds;
use crate::isa::{AluOp, Size, Width};
use crate::verifier::tnum::Tnum;

impl Scalar {
    /// `dst op src`, the upper half zero if the width is 32.
    pub fn alu(op: AluOp, width: Width, dst: &Scalar, src: &Scalar) -> Scalar {
        let computed = match op {
            AluOp::Add => Some(dst.added(src)),
            AluOp::Sub => Some(dst.subtracted(src)),
            AluOp::Mul => Some(dst.both_widths(src, dst.tnum.mul(src.tnum), Bounds::mul)),
            AluOp::Or => Some(dst.bitwise(src, dst.tnum.or(src.tnum), Bounds::or)),
            AluOp::And => Some(dst.bitwise(src, dst.tnum.and(src.tnum), Bounds::and)),
            AluOp::Xor => Some(dst.bitwise(src, dst.tnum.xor(src.tnum), Bounds::xor)),
            AluOp::Lsh => shift_count(src, width).map(|count| dst.shifted_left(width, count)),
            AluOp::Rsh => shift_count(src, width).map(|count| dst.shifted_right(width, count)),
            AluOp::Arsh => {
                shift_count(src, width).map(|count| dst.shifted_right_signed(width, count))
            }
            AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => None,
            AluOp::Mov => return src.moved(width),
        };
        match (computed, width) {
            (None, _) => Scalar::unknown(),
            (Some(result), Width::W32) => result.zero_extend(),
            (Some(mut result), Width::W64) => {
                result.sync();
                result
            }
        }
    }

    /// Negation: unknown until Linux 6.17.
    pub fn negated(self) -> Scalar {
        Scalar::unknown()
    }

    /// Byte swap or truncation: unknown.
    pub fn byte_swapped(self) -> Scalar {
        Scalar::unknown()
    }

    /// A move of that width.
    pub fn moved(self, width: Width) -> Scalar {
        match width {
            Width::W32 => self.zero_extend(),
            Width::W64 => self,
        }
    }

    /// A sign-extending move from `from` bits; for 32 bits `from` is [`Size::B`] or [`Size::H`].
    pub fn moved_sx(self, width: Width, from: Size) -> Scalar {
        match width {
            Width::W32 => self.sign_extend_32(from),
            Width::W64 => self.sign_extend(from),
        }
    }

    /// The number and a known distance, without [`Scalar::sync`]: so Linux carries what a branch
    /// taught to the registers that differ from the compared one by a constant.
    pub fn displaced(&self, distance: i64) -> Scalar {
        self.added(&Scalar::constant(distance as u64))
    }

    /// The variable offset of a pointer moved up by `distance`; pointers have no 32-bit ranges.
    pub fn pointer_added(&self, distance: &Scalar) -> Scalar {
        self.added(distance).synced_without_subreg()
    }

    /// The variable offset of a pointer moved down by `distance`.
    pub fn pointer_subtracted(&self, distance: &Scalar) -> Scalar {
        self.subtracted(distance).synced_without_subreg()
    }

    fn synced_without_subreg(mut self) -> Scalar {
        self.forget_subreg_bounds();
        self.sync();
        self
    }

    fn added(&self, src: &Scalar) -> Scalar {
        self.both_widths(src, self.tnum.add(src.tnum), Bounds::add)
    }

    fn subtracted(&self, src: &Scalar) -> Scalar {
        self.both_widths(src, self.tnum.sub(src.tnum), Bounds::sub)
    }

    /// The bits given, and the bounds of either width by `operation`.
    fn both_widths(
        &self,
        src: &Scalar,
        tnum: Tnum,
        operation: fn(Bounds, Bounds) -> Bounds,
    ) -> Scalar {
        let mut result = Scalar { tnum, ..*self };
        for width in [Width::W32, Width::W64] {
            result.set_bounds(operation(self.bounds(width), src.bounds(width)));
        }
        result
    }

    /// As [`Scalar::both_widths`], but exact where the bits of `src` and of the result are known.
    fn bitwise(
        &self,
        src: &Scalar,
        tnum: Tnum,
        operation: fn(Bounds, Bounds, Tnum) -> Bounds,
    ) -> Scalar {
        let mut result = Scalar { tnum, ..*self };
        for width in [Width::W32, Width::W64] {
            let bits = result.bits(width);
            if src.bits(width).is_const() && bits.is_const() {
                result.set_bounds(Bounds::constant(width, bits.value));
                if width == Width::W64 {
                    return Scalar::constant(bits.value);
                }
            } else {
                result.set_bounds(operation(self.bounds(width), src.bounds(width), bits));
            }
        }
        result
    }

    fn shifted_left(&self, width: Width, count: u32) -> Scalar {
        let low = self.bounds(Width::W32).lsh(count);
        let tnum = self.bits(width).lshift(count);
        match width {
            Width::W32 => Scalar::of_one_width(tnum.subreg(), low),
            Width::W64 => {
                let mut result = Scalar { tnum, ..*self };
                result.set_bounds(low);
                result.set_bounds(self.bounds(width).lsh(count));
                if count == 32 {
                    result.narrow_s64(self.sign_kept_min(), self.sign_kept_max());
                }
                result.narrow_by_bits(width);
                result
            }
        }
    }

    /// The least signed result of a left shift by 32, the first half of a sign extension by shifts.
    fn sign_kept_min(&self) -> i64 {
        if self.s32_min >= 0 {
            i64::from(self.s32_min) << 32
        } else {
            i64::MIN
        }
    }

    /// The greatest signed result of a left shift by 32.
    fn sign_kept_max(&self) -> i64 {
        if self.s32_max >= 0 {
            i64::from(self.s32_max) << 32
        } else {
            i64::MAX
        }
    }

    fn shifted_right(&self, width: Width, count: u32) -> Scalar {
        let tnum = self.bits(width).rshift(count);
        Scalar::of_one_width(tnum, self.bounds(width).rsh(count))
    }

    fn shifted_right_signed(&self, width: Width, count: u32) -> Scalar {
        let tnum = self.bits(width).arshift(count, width);
        Scalar::of_one_width(tnum, self.bounds(width).arsh(count))
    }

    /// These bits and bounds, the other width unbounded.
    fn of_one_width(tnum: Tnum, bounds: Bounds) -> Scalar {
        let mut result = Scalar {
            tnum,
            ..Scalar::unknown()
        };
        result.set_bounds(bounds);
        result.narrow_by_bits(bounds.width);
        result
    }
}

/// The count of a shift whose result can be computed: known in every part, and below the width.
fn shift_count(src: &Scalar, width: Width) -> Option<u32> {
    let bounds = src.bounds(width);
    let is_exact = bounds.umin == bounds.umax && bounds.smin == bounds.smax;
    let known = src.const_at(width).filter(|_| is_exact)?;
    // The 64-bit maximum is asked for either width.
    let bits = match width {
        Width::W32 => 32,
        Width::W64 => 64,
    };
    u32::try_from(known).ok().filter(|_| src.umax < bits)
}
