//! Soundness by members against the arithmetic of the instruction set, and precision by what a kernel printed.

use super::*;
use crate::isa::alu::{alu, compare, movsx};
use crate::isa::{AluOp, JumpOp};
use proptest::prelude::*;

mod samples;

fn outcome(op: JumpOp, width: Width, x: u64, y: u64) -> Branch {
    if compare(op, width, x, y) {
        Branch::Taken
    } else {
        Branch::FallThrough
    }
}

/// Numbers at which something changes, and any.
fn number() -> impl Strategy<Value = u64> {
    let edge = (0u32..64, -2i64..=2, any::<bool>()).prop_map(|(bit, near, negative)| {
        let edge = (1u64 << bit).wrapping_add(near as u64);
        if negative { edge.wrapping_neg() } else { edge }
    });
    prop_oneof![
        edge,
        any::<u64>(),
        any::<u32>().prop_map(u64::from),
        any::<i32>().prop_map(|n| n as u64),
        0u64..70
    ]
}

/// How far a bound lies from the member: mostly near or unbounded.
fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1u64..40, Just(u64::MAX), number()]
}

prop_compose! {
    /// An element and a member of it, not synced: each part is chosen on its own.
    fn raw_with_member()(member in number(), mask in distance(), keep in any::<u64>(), d in prop::array::uniform8(distance()))
        -> (Scalar, u64)
    {
        let mask = if mask == 0 || mask == u64::MAX { mask } else { mask & keep };
        let (s, low, slow) = (member as i64, member as u32, member as i32);
        let scalar = Scalar {
            tnum: Tnum { value: member & !mask, mask },
            umin: member.saturating_sub(d[0]),
            umax: member.saturating_add(d[1]),
            smin: s.saturating_sub_unsigned(d[2]),
            smax: s.saturating_add_unsigned(d[3]),
            u32_min: low.saturating_sub(clamp(d[4])),
            u32_max: low.saturating_add(clamp(d[5])),
            s32_min: slow.saturating_sub_unsigned(clamp(d[6])),
            s32_max: slow.saturating_add_unsigned(clamp(d[7])),
        };
        (scalar, member)
    }
}

fn clamp(distance: u64) -> u32 {
    u32::try_from(distance).unwrap_or(u32::MAX)
}

/// An element as the verifier has them, and a member.
fn with_member() -> impl Strategy<Value = (Scalar, u64)> {
    let constant = number().prop_map(|number| (Scalar::constant(number), number));
    prop_oneof![
        3 => raw_with_member().prop_map(|(mut scalar, member)| {
            scalar.sync();
            (scalar, member)
        }),
        1 => constant,
    ]
}

/// Asserts that the pair's results are in the results of the elements, for every operation.
fn check_alu(dst: &Scalar, x: u64, src: &Scalar, y: u64) {
    for width in Width::ALL {
        for op in AluOp::ALL {
            let result = Scalar::alu(op, width, dst, src);
            let expected = alu(width, op, x, y);
            assert!(
                result.contains(expected),
                "{dst} {op:?} {src} ({width:?}): {expected:#x} not in {result}"
            );
            assert_eq!(
                result.find_violation(),
                None,
                "{dst} {op:?} {src} ({width:?}) = {result:?}"
            );
        }
    }
}

/// Asserts that the pair survives its own outcome, and that a decision agrees with it.
fn check_branch(dst: &Scalar, x: u64, src: &Scalar, y: u64) {
    for width in Width::ALL {
        for op in JumpOp::ALL {
            let case = format!("{dst} {op:?} {src} ({width:?}) with {x:#x}, {y:#x}");
            if let Some(decided) = Scalar::is_branch_taken(op, width, dst, src) {
                assert_eq!(decided, compare(op, width, x, y), "{case}");
            }
            let (mut left, mut right) = (*dst, *src);
            Scalar::refine(op, width, outcome(op, width, x, y), &mut left, &mut right);
            assert!(
                left.contains(x) && right.contains(y),
                "{case}: {left}, {right}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn alu_of_random_members_is_contained((dst, x) in with_member(), (src, y) in with_member()) {
        check_alu(&dst, x, &src, y);
    }

    #[test]
    fn branch_outcome_of_random_members_keeps_them((dst, x) in with_member(), (src, y) in with_member()) {
        check_branch(&dst, x, &src, y);
    }

    #[test]
    fn branch_on_overlapping_ranges_keeps_members((dst, x) in with_member(), (src, y) in with_member()) {
        // An element that holds both members makes equality and order undecided.
        let mut wide = dst;
        wide.tnum = Tnum::UNKNOWN;
        wide.umin = dst.umin.min(src.umin);
        wide.umax = dst.umax.max(src.umax);
        wide.forget_subreg_bounds();
        (wide.smin, wide.smax) = (i64::MIN, i64::MAX);
        wide.sync();
        check_branch(&wide, x, &wide, y);
        check_branch(&wide, y, &src, y);
    }

    #[test]
    fn comparison_with_itself_keeps_the_member((scalar, x) in with_member()) {
        for width in Width::ALL {
            for op in JumpOp::ALL {
                let mut refined = scalar;
                Scalar::refine_itself(op, width, outcome(op, width, x, x), &mut refined);
                prop_assert!(refined.contains(x), "{scalar} {op:?} itself ({width:?}): {refined}");
            }
        }
    }

    #[test]
    fn sync_keeps_members_and_contradicts_nothing((raw, member) in raw_with_member()) {
        prop_assert!(raw.contains(member));
        let mut synced = raw;
        synced.sync();
        prop_assert!(synced.contains(member), "{raw:?} lost {member:#x}: {synced:?}");
        prop_assert_eq!(synced.find_violation(), None);
        let mut twice = synced;
        twice.sync();
        prop_assert!(twice.contains(member));
    }

    #[test]
    fn extension_of_random_members_is_contained((scalar, x) in with_member()) {
        prop_assert!(scalar.zero_extend().contains(x as u32 as u64));
        for size in [Size::B, Size::H, Size::W] {
            let low = x & (u64::MAX >> (64 - size.bits()));
            prop_assert!(scalar.truncate(size).contains(low));
            prop_assert!(scalar.moved_sx(Width::W64, size).contains(movsx(Width::W64, size, x)));
        }
        for size in [Size::B, Size::H] {
            prop_assert!(scalar.moved_sx(Width::W32, size).contains(movsx(Width::W32, size, x)));
        }
        prop_assert_eq!(scalar.truncate(Size::DW), scalar);
        prop_assert_eq!(scalar.sign_extend(Size::DW), scalar);
    }

    #[test]
    fn displacement_of_random_members_is_contained((scalar, x) in with_member(), (other, y) in with_member()) {
        prop_assert!(scalar.displaced(y as i64).contains(x.wrapping_add(y)));
        prop_assert!(scalar.pointer_added(&other).contains(x.wrapping_add(y)));
        prop_assert!(scalar.pointer_subtracted(&other).contains(x.wrapping_sub(y)));
    }

    #[test]
    fn inclusion_implies_membership((old, _) in with_member(), (new, member) in with_member()) {
        prop_assert!(!old.includes(&new) || old.contains(member));
        prop_assert!(new.includes(&new) && Scalar::unknown().includes(&new));
        prop_assert!(new.includes(&Scalar::constant(member)));
    }

    #[test]
    fn alu_of_constants_is_exact(x in number(), y in number()) {
        for width in Width::ALL {
            for op in [AluOp::Add, AluOp::Sub, AluOp::Mul, AluOp::Or, AluOp::And, AluOp::Xor] {
                let result = Scalar::alu(op, width, &Scalar::constant(x), &Scalar::constant(y));
                prop_assert_eq!(result, Scalar::constant(alu(width, op, x, y)));
            }
            for op in [AluOp::Lsh, AluOp::Rsh, AluOp::Arsh] {
                let y = y % 32;
                let result = Scalar::alu(op, width, &Scalar::constant(x), &Scalar::constant(y));
                prop_assert_eq!(result, Scalar::constant(alu(width, op, x, y)));
            }
        }
    }

    #[test]
    fn contradictory_elements_are_tolerated((a, _) in raw_with_member(), (b, _) in raw_with_member()) {
        // The parts of two elements seldom agree; nothing is asked of the result but that there is one.
        let mut mixed = Scalar { tnum: a.tnum, smin: a.smin, s32_max: a.s32_max, u32_min: a.u32_min, ..b };
        for width in Width::ALL {
            for op in AluOp::ALL {
                let _ = Scalar::alu(op, width, &mixed, &b);
                let _ = Scalar::alu(op, width, &b, &mixed);
            }
            for op in JumpOp::ALL {
                for branch in [Branch::Taken, Branch::FallThrough] {
                    let (mut left, mut right) = (mixed, b);
                    Scalar::refine(op, width, branch, &mut left, &mut right);
                }
            }
        }
        mixed.sync();
        mixed.forget_bounds();
        prop_assert_eq!(mixed.umax, u64::MAX);
    }
}

/// All ranges within a few numbers of zero, where signs change.
fn small_ranges() -> Vec<Scalar> {
    let numbers = -4i64..=4;
    let ranges = numbers
        .clone()
        .flat_map(|min| (min..=4).map(move |max| (min, max)));
    ranges
        .map(|(smin, smax)| {
            let mut scalar = Scalar {
                smin,
                smax,
                ..Scalar::unknown()
            };
            scalar.sync();
            scalar
        })
        .collect()
}

#[test]
fn operations_on_all_small_ranges_contain_every_result() {
    for dst in small_ranges() {
        for src in small_ranges() {
            for (x, y) in [
                (dst.smin, src.smin),
                (dst.smin, src.smax),
                (dst.smax, src.smin),
                (dst.smax, src.smax),
            ] {
                check_alu(&dst, x as u64, &src, y as u64);
                check_branch(&dst, x as u64, &src, y as u64);
            }
        }
    }
}

#[test]
fn orders_of_all_small_ranges_are_decided_exactly() {
    for dst in small_ranges() {
        for src in small_ranges() {
            for op in [
                JumpOp::SLt,
                JumpOp::SLe,
                JumpOp::SGt,
                JumpOp::SGe,
                JumpOp::Eq,
                JumpOp::Ne,
            ] {
                let all = |wanted| {
                    (dst.smin..=dst.smax).all(|x| {
                        (src.smin..=src.smax)
                            .all(|y| compare(op, Width::W64, x as u64, y as u64) == wanted)
                    })
                };
                let expected = all(true).then_some(true).or(all(false).then_some(false));
                let decided = Scalar::is_branch_taken(op, Width::W64, &dst, &src);
                assert_eq!(decided, expected, "{dst} {op:?} {src}");
            }
        }
    }
}

#[test]
fn shift_by_unknown_or_excessive_count_is_unknown() {
    let five = Scalar::constant(5);
    for op in [AluOp::Lsh, AluOp::Rsh, AluOp::Arsh] {
        let by = |width, count: Scalar| Scalar::alu(op, width, &five, &count);
        assert_eq!(by(Width::W64, Scalar::of_size(Size::B)), Scalar::unknown());
        // Not even that the upper half is zero.
        assert_eq!(by(Width::W32, Scalar::of_size(Size::B)), Scalar::unknown());
        assert_eq!(by(Width::W32, Scalar::constant(32)), Scalar::unknown());
        assert_eq!(by(Width::W64, Scalar::constant(64)), Scalar::unknown());
        assert_eq!(by(Width::W32, Scalar::constant(1 << 32)), Scalar::unknown());
    }
}

#[test]
fn division_and_negation_of_constants_are_unknown() {
    let (six, two) = (Scalar::constant(6), Scalar::constant(2));
    for op in [AluOp::Div, AluOp::SDiv, AluOp::Mod, AluOp::SMod] {
        for width in Width::ALL {
            assert_eq!(Scalar::alu(op, width, &six, &two), Scalar::unknown());
        }
    }
    assert_eq!(six.negated(), Scalar::unknown());
    assert_eq!(six.byte_swapped(), Scalar::unknown());
}

#[test]
fn sum_one_end_of_which_wraps_loses_that_range_only() {
    let byte = Scalar::of_size(Size::B);
    let sum = Scalar::alu(
        AluOp::Add,
        Width::W64,
        &byte,
        &Scalar::constant(-3i64 as u64),
    );
    assert_eq!(sum.to_string(), "scalar(smin=smin32=-3,smax=smax32=252)");
}

#[test]
fn product_of_negative_numbers_has_no_range() {
    let signs = Scalar::of_signed_size(Size::B);
    let product = Scalar::alu(AluOp::Mul, Width::W64, &signs, &Scalar::constant(3));
    assert_eq!(product, Scalar::unknown());
}

#[test]
fn violations_are_named() {
    let mut scalar = Scalar::unknown();
    assert_eq!(scalar.find_violation(), None);
    (scalar.smin, scalar.smax) = (1, 0);
    assert_eq!(scalar.find_violation(), Some(Violation::Ranges));
    let constant = Scalar {
        umax: 6,
        ..Scalar::constant(5)
    };
    assert_eq!(constant.find_violation(), Some(Violation::Const));
    let low = Scalar {
        tnum: Tnum {
            value: 5,
            mask: !0xffff_ffff,
        },
        ..Scalar::unknown()
    };
    assert_eq!(low.find_violation(), Some(Violation::SubregConst));
}

#[test]
fn impossible_equality_leaves_a_violation() {
    let (mut left, mut right) = (Scalar::of_size(Size::B), Scalar::constant(256));
    assert_eq!(
        Scalar::is_branch_taken(JumpOp::Eq, Width::W64, &left, &right),
        Some(false)
    );
    Scalar::refine(JumpOp::Eq, Width::W64, Branch::Taken, &mut left, &mut right);
    assert_eq!(left.find_violation(), Some(Violation::Ranges));
    left.forget_bounds();
    assert_eq!((left.umin, left.s32_max), (0, i32::MAX));
}

#[test]
fn parts_follow_what_the_caller_wrote() {
    let mut text = String::from("id=3");
    let mut separator = ",";
    Scalar::of_size(Size::B)
        .write_parts(&mut text, &mut separator)
        .unwrap();
    assert_eq!(
        text,
        "id=3,smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff)"
    );
    let (mut text, mut separator) = (String::new(), "");
    Scalar::unknown()
        .write_parts(&mut text, &mut separator)
        .unwrap();
    assert_eq!((text.as_str(), separator), ("", ""));
    Scalar::constant(-8i64 as u64)
        .write_parts(&mut text, &mut separator)
        .unwrap();
    assert_eq!((text.as_str(), separator), ("imm=-8", ","));
}

#[test]
fn constants_are_printed_signed_and_big_ones_in_hexadecimal() {
    let print = |number: i64| Scalar::constant(number as u64).to_string();
    assert_eq!(print(5), "5");
    assert_eq!(print(-32768), "-32768");
    assert_eq!(print(32768), "0x8000");
    assert_eq!(print(-32769), "0xffffffffffff7fff");
    assert_eq!(Scalar::unknown().to_string(), "scalar()");
}
