//! Conditions on two scalars: whether one is decided, and what either outcome teaches.
//!
//! Not control flow: which branch is explored, and which other registers share the
//! knowledge, is the caller's.
//!
//! Rules:
//! - Every condition and its outcome is first brought to one of a few relations between two
//!   operands: `a > b` is `b < a`, and its failure is `a <= b`.
//! - No pair of members that has the outcome is lost. An outcome no pair has leaves whatever Linux
//!   leaves; such a branch is decided beforehand unless the ranges are too weak to show it.

use super::Scalar;
use super::bounds::Bounds;
use crate::isa::{JumpOp, Width};
use crate::verifier::tnum::Tnum;

/// An outcome of a conditional jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Branch {
    /// The condition held.
    Taken,
    /// The condition failed.
    FallThrough,
}

/// Which bounds an order compares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Unsigned,
    Signed,
}

/// What holds between two operands, `left` and `right`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Different,
    /// Some bit is set in both.
    Common,
    /// No bit is set in both.
    Disjoint,
    Less(Sign),
    AtMost(Sign),
}

/// Whether the operands of a condition change places in its relation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    Swapped,
}

/// The relation that is an outcome of the condition.
fn relation(op: JumpOp, branch: Branch) -> (Relation, Order) {
    use Order::{Kept, Swapped};
    use Sign::{Signed, Unsigned};
    let (held, failed) = match op {
        JumpOp::Eq => ((Relation::Equal, Kept), (Relation::Different, Kept)),
        JumpOp::Ne => ((Relation::Different, Kept), (Relation::Equal, Kept)),
        JumpOp::Set => ((Relation::Common, Kept), (Relation::Disjoint, Kept)),
        JumpOp::Gt => (
            (Relation::Less(Unsigned), Swapped),
            (Relation::AtMost(Unsigned), Kept),
        ),
        JumpOp::Ge => (
            (Relation::AtMost(Unsigned), Swapped),
            (Relation::Less(Unsigned), Kept),
        ),
        JumpOp::Lt => (
            (Relation::Less(Unsigned), Kept),
            (Relation::AtMost(Unsigned), Swapped),
        ),
        JumpOp::Le => (
            (Relation::AtMost(Unsigned), Kept),
            (Relation::Less(Unsigned), Swapped),
        ),
        JumpOp::SGt => (
            (Relation::Less(Signed), Swapped),
            (Relation::AtMost(Signed), Kept),
        ),
        JumpOp::SGe => (
            (Relation::AtMost(Signed), Swapped),
            (Relation::Less(Signed), Kept),
        ),
        JumpOp::SLt => (
            (Relation::Less(Signed), Kept),
            (Relation::AtMost(Signed), Swapped),
        ),
        JumpOp::SLe => (
            (Relation::AtMost(Signed), Kept),
            (Relation::Less(Signed), Swapped),
        ),
    };
    match branch {
        Branch::Taken => held,
        Branch::FallThrough => failed,
    }
}

impl Scalar {
    /// Whether the condition holds for all pairs of members (`true`), for none (`false`), or it is open.
    pub fn is_branch_taken(op: JumpOp, width: Width, dst: &Scalar, src: &Scalar) -> Option<bool> {
        let (relation, order) = relation(op, Branch::Taken);
        let (left, right) = match order {
            Order::Kept => (dst, src),
            Order::Swapped => (src, dst),
        };
        match relation {
            Relation::Equal => are_equal(left, right, width),
            Relation::Different => are_equal(left, right, width).map(|equal| !equal),
            Relation::Common => share_bits(left, right, width),
            Relation::Disjoint => share_bits(left, right, width).map(|shared| !shared),
            Relation::Less(sign) => is_less(&left.bounds(width), &right.bounds(width), sign),
            Relation::AtMost(sign) => {
                is_less(&right.bounds(width), &left.bounds(width), sign).map(|less| !less)
            }
        }
    }

    /// Narrows both operands to what the outcome leaves possible.
    ///
    /// For a comparison with an immediate, `src` is a copy of its constant. For one of a register with
    /// itself use [`Scalar::refine_itself`].
    pub fn refine(op: JumpOp, width: Width, branch: Branch, dst: &mut Scalar, src: &mut Scalar) {
        let (relation, order) = relation(op, branch);
        match order {
            Order::Kept => narrow(relation, width, dst, src),
            Order::Swapped => narrow(relation, width, src, dst),
        }
        dst.sync();
        src.sync();
    }

    /// Narrows a register that is compared with itself: it takes the part of either side.
    pub fn refine_itself(op: JumpOp, width: Width, branch: Branch, reg: &mut Scalar) {
        let (relation, _) = relation(op, branch);
        let (mut left, mut right) = (*reg, *reg);
        narrow(relation, width, &mut left, &mut right);
        // Only an order changes anything, and it moves the maximum of the left, the minimum of the right.
        let (low, high) = (right.bounds(width), left.bounds(width));
        reg.set_bounds(Bounds {
            width,
            umin: low.umin,
            umax: high.umax,
            smin: low.smin,
            smax: high.smax,
        });
        // Linux syncs either side, and both are this register.
        reg.sync();
        reg.sync();
    }
}

/// Whether two numbers are equal.
fn are_equal(left: &Scalar, right: &Scalar, width: Width) -> Option<bool> {
    if let (Some(left), Some(right)) = (left.const_at(width), right.const_at(width)) {
        return Some(left == right);
    }
    let apart = |width| {
        let (left, right) = (left.bounds(width), right.bounds(width));
        left.umin > right.umax
            || left.umax < right.umin
            || left.smin > right.smax
            || left.smax < right.smin
    };
    // Bits known on both sides that differ, too.
    let (bits, others) = (left.bits(width), right.bits(width));
    let known = !bits.mask & !others.mask;
    let differ = known & (bits.value ^ others.value) != 0;
    // The low halves may show what the whole can't.
    (differ || apart(width) || apart(Width::W32)).then_some(false)
}

/// Whether a number has a bit of a constant set.
fn share_bits(left: &Scalar, right: &Scalar, width: Width) -> Option<bool> {
    let (number, wanted) = match (left.const_at(width), right.const_at(width)) {
        (_, Some(wanted)) => (left, wanted),
        (Some(wanted), None) => (right, wanted),
        (None, None) => return None,
    };
    let bits = number.bits(width);
    if bits.min() & wanted != 0 {
        return Some(true);
    }
    (bits.max() & wanted == 0).then_some(false)
}

/// Whether `left < right`.
fn is_less(left: &Bounds, right: &Bounds, sign: Sign) -> Option<bool> {
    let (always, never) = match sign {
        Sign::Unsigned => (left.umax < right.umin, left.umin >= right.umax),
        Sign::Signed => (left.smax < right.smin, left.smin >= right.smax),
    };
    match (always, never) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// Narrows both sides of a relation, without carrying it to other parts.
fn narrow(relation: Relation, width: Width, left: &mut Scalar, right: &mut Scalar) {
    match relation {
        Relation::Equal => narrow_equal(width, left, right),
        Relation::Different => {
            if let Some((number, constant)) = against_constant(width, left, right) {
                narrow_different(width, number, constant);
            }
        }
        Relation::Common => {
            if let Some((number, constant)) = against_constant(width, left, right)
                && constant.is_power_of_two()
            {
                number.set_bits(width, number.bits(width).or(Tnum::constant(constant)));
            }
        }
        Relation::Disjoint => {
            if let Some((number, constant)) = against_constant(width, left, right) {
                // The ranges are given up first, so that they cannot contradict the bits.
                number.forget_bounds();
                number.set_bits(width, number.bits(width).and(Tnum::constant(!constant)));
            }
        }
        Relation::Less(sign) => narrow_order(width, sign, 1, left, right),
        Relation::AtMost(sign) => narrow_order(width, sign, 0, left, right),
    }
}

/// The side that is not constant and the constant of the other; the right one's, if both are.
fn against_constant<'a>(
    width: Width,
    left: &'a mut Scalar,
    right: &'a mut Scalar,
) -> Option<(&'a mut Scalar, u64)> {
    match (left.const_at(width), right.const_at(width)) {
        (_, Some(constant)) => Some((left, constant)),
        (Some(constant), None) => Some((right, constant)),
        (None, None) => None,
    }
}

/// Both sides become what they have in common.
fn narrow_equal(width: Width, left: &mut Scalar, right: &mut Scalar) {
    let (first, second) = (left.bounds(width), right.bounds(width));
    let common = Bounds {
        width,
        umin: first.umin.max(second.umin),
        umax: first.umax.min(second.umax),
        smin: first.smin.max(second.smin),
        smax: first.smax.min(second.smax),
    };
    let bits = left.bits(width).intersect(right.bits(width));
    for side in [left, right] {
        side.set_bounds(common);
        side.set_bits(width, bits);
    }
}

/// An end of a range that is the constant moves inwards.
fn narrow_different(width: Width, number: &mut Scalar, constant: u64) {
    let mut bounds = number.bounds(width);
    let excluded = Bounds::constant(width, constant);
    if bounds.umin == excluded.umin {
        bounds.umin = bounds.umin.wrapping_add(1);
    }
    if bounds.umax == excluded.umin {
        bounds.umax = bounds.umax.wrapping_sub(1);
    }
    if bounds.smin == excluded.smin {
        bounds.smin = bounds.smin.wrapping_add(1);
    }
    if bounds.smax == excluded.smin {
        bounds.smax = bounds.smax.wrapping_sub(1);
    }
    number.set_bounds(bounds);
}

/// Of `left + gap <= right`, with a gap of 0 or 1.
fn narrow_order(width: Width, sign: Sign, gap: u8, left: &mut Scalar, right: &mut Scalar) {
    let (mut low, mut high) = (left.bounds(width), right.bounds(width));
    match sign {
        Sign::Unsigned => {
            low.umax = low.umax.min(high.umax.wrapping_sub(gap.into()));
            high.umin = high.umin.max(low.umin.wrapping_add(gap.into()));
        }
        Sign::Signed => {
            low.smax = low.smax.min(high.smax.wrapping_sub(gap.into()));
            high.smin = high.smin.max(low.smin.wrapping_add(gap.into()));
        }
    }
    left.set_bounds(low);
    right.set_bounds(high);
}
