//! Every pair of 4-bit tristate numbers with all their members, and random ones of 64 bits.

use super::*;
use proptest::prelude::*;

/// All tristate numbers of four bits.
fn small() -> impl Iterator<Item = Tnum> + Clone {
    (0..16).flat_map(|mask| {
        (0..16)
            .filter(move |value| value & mask == 0)
            .map(move |value| Tnum { value, mask })
    })
}

fn members(tnum: Tnum) -> impl Iterator<Item = u64> {
    (0..16).filter(move |&number| tnum.contains(number))
}

fn pairs() -> impl Iterator<Item = (Tnum, Tnum)> {
    small().flat_map(|left| small().map(move |right| (left, right)))
}

/// The least element that holds all the numbers.
fn least(mut numbers: impl Iterator<Item = u64>) -> Tnum {
    let first = numbers.next().expect("a tristate number has a member");
    numbers.fold(Tnum::constant(first), |so_far, number| {
        let mask = so_far.mask | (so_far.value ^ number);
        Tnum {
            value: so_far.value & !mask,
            mask,
        }
    })
}

fn results(left: Tnum, right: Tnum, concrete: fn(u64, u64) -> u64) -> Tnum {
    least(members(left).flat_map(|x| members(right).map(move |y| concrete(x, y))))
}

#[test]
fn operations_of_all_small_pairs_are_optimal() {
    for (left, right) in pairs() {
        assert_eq!(
            left.add(right),
            results(left, right, u64::wrapping_add),
            "{left} + {right}"
        );
        assert_eq!(
            left.sub(right),
            results(left, right, u64::wrapping_sub),
            "{left} - {right}"
        );
        assert_eq!(
            left.and(right),
            results(left, right, |x, y| x & y),
            "{left} & {right}"
        );
        assert_eq!(
            left.or(right),
            results(left, right, |x, y| x | y),
            "{left} | {right}"
        );
        assert_eq!(
            left.xor(right),
            results(left, right, |x, y| x ^ y),
            "{left} ^ {right}"
        );
    }
}

#[test]
fn mul_of_all_small_pairs_holds_every_product() {
    for (left, right) in pairs() {
        let least = results(left, right, u64::wrapping_mul);
        assert!(left.mul(right).includes(least), "{left} * {right}");
    }
}

#[test]
fn mul_has_the_precision_of_the_paper() {
    let unknown_bits = |value, mask| Tnum { value, mask };
    // Computed by hand from the published algorithm.
    assert_eq!(
        unknown_bits(1, 2).mul(unknown_bits(2, 4)),
        unknown_bits(2, 28)
    );
    assert_eq!(
        unknown_bits(0, 3).mul(Tnum::constant(3)),
        unknown_bits(0, 15)
    );
    assert_eq!(
        unknown_bits(2, 1).mul(Tnum::constant(4)),
        unknown_bits(8, 4)
    );
}

#[test]
fn shifts_of_all_small_tnums_are_exact() {
    for tnum in small() {
        for count in 0..8 {
            assert_eq!(tnum.lshift(count), least(members(tnum).map(|x| x << count)));
            assert_eq!(tnum.rshift(count), least(members(tnum).map(|x| x >> count)));
        }
    }
}

#[test]
fn arshift_of_unknown_sign_spreads_it_within_the_width() {
    let sign = Tnum {
        value: 0,
        mask: 0x8000_0000,
    };
    assert_eq!(
        sign.arshift(4, Width::W32),
        Tnum {
            value: 0,
            mask: 0xf800_0000
        }
    );
    assert_eq!(
        sign.arshift(4, Width::W64),
        Tnum {
            value: 0,
            mask: 0x0800_0000
        }
    );
    let negative = Tnum::constant(0x8000_0000);
    assert_eq!(
        negative.arshift(31, Width::W32),
        Tnum::constant(0xffff_ffff)
    );
    assert_eq!(
        negative.lshift(32).arshift(63, Width::W64),
        Tnum::constant(u64::MAX)
    );
}

#[test]
fn inclusion_of_all_small_pairs_is_that_of_members() {
    for (left, right) in pairs() {
        let subset = members(right).all(|number| left.contains(number));
        assert_eq!(left.includes(right), subset, "{right} in {left}");
    }
}

#[test]
fn intersect_of_all_small_pairs_is_the_common_set() {
    for (left, right) in pairs() {
        let common: Vec<u64> = members(left)
            .filter(|&number| right.contains(number))
            .collect();
        if !common.is_empty() {
            assert_eq!(
                left.intersect(right),
                least(common.into_iter()),
                "{left} and {right}"
            );
        }
    }
    assert_eq!(
        Tnum::constant(1).intersect(Tnum::constant(2)),
        Tnum::constant(3)
    );
}

#[test]
fn range_of_all_small_bounds_is_the_least() {
    for min in 0..16 {
        for max in min..16 {
            let range = Tnum::range(min, max);
            let mask = least(min..=max).mask;
            assert!((min..=max).all(|number| range.contains(number)));
            // Bits below the highest that differs are given up.
            assert_eq!(
                range.mask,
                mask.checked_ilog2().map_or(0, |top| (2 << top) - 1)
            );
        }
    }
    assert_eq!(Tnum::range(0, u64::MAX), Tnum::UNKNOWN);
    assert_eq!(Tnum::range(5, u64::MAX), Tnum::UNKNOWN);
}

#[test]
fn alignment_of_all_small_tnums_is_that_of_members() {
    for tnum in small() {
        for size in [1, 2, 4, 8] {
            let aligned = members(tnum).all(|number| number % size == 0);
            assert_eq!(tnum.is_aligned(size), aligned, "{tnum} by {size}");
        }
        assert!(tnum.is_aligned(0));
    }
}

#[test]
fn subregister_operations_select_halves() {
    let tnum = Tnum {
        value: 0x1_0000_0002,
        mask: 0xf0_0000_00f0,
    };
    assert_eq!(
        tnum.subreg(),
        Tnum {
            value: 2,
            mask: 0xf0
        }
    );
    assert_eq!(
        tnum.clear_subreg(),
        Tnum {
            value: 0x1_0000_0000,
            mask: 0xf0_0000_0000
        }
    );
    let replaced = tnum.with_subreg(Tnum::constant(0xff_0000_0007));
    assert_eq!(
        replaced,
        Tnum {
            value: 0x1_0000_0007,
            mask: 0xf0_0000_0000
        }
    );
    assert!(replaced.is_subreg_const());
    assert!(!replaced.is_const());
    assert_eq!(
        tnum.cast(Size::B),
        Tnum {
            value: 2,
            mask: 0xf0
        }
    );
    assert_eq!(tnum.cast(Size::DW), tnum);
}

#[test]
fn display_is_that_of_the_log() {
    assert_eq!(Tnum::constant(65535).to_string(), "65535");
    assert_eq!(Tnum::constant(65536).to_string(), "0x10000");
    assert_eq!(
        Tnum {
            value: 0,
            mask: 255
        }
        .to_string(),
        "(0x0; 0xff)"
    );
}

prop_compose! {
    /// A tristate number and a member.
    fn with_member()(mask in any::<u64>(), keep in any::<u64>(), value in any::<u64>(), pick in any::<u64>()) -> (Tnum, u64) {
        let mask = mask & keep;
        (Tnum { value: value & !mask, mask }, (value & !mask) | (pick & mask))
    }
}

proptest! {
    #[test]
    fn operations_of_random_members_are_contained((left, x) in with_member(), (right, y) in with_member(), count in 0u32..64) {
        prop_assert!(left.add(right).contains(x.wrapping_add(y)));
        prop_assert!(left.sub(right).contains(x.wrapping_sub(y)));
        prop_assert!(left.mul(right).contains(x.wrapping_mul(y)));
        prop_assert!(left.and(right).contains(x & y));
        prop_assert!(left.or(right).contains(x | y));
        prop_assert!(left.xor(right).contains(x ^ y));
        prop_assert!(left.lshift(count).contains(x << count));
        prop_assert!(left.rshift(count).contains(x >> count));
        prop_assert!(left.arshift(count, Width::W64).contains(((x as i64) >> count) as u64));
        let low = (x as i32).wrapping_shr(count) as u32;
        prop_assert!(left.subreg().arshift(count, Width::W32).contains(low.into()));
        prop_assert!(Tnum::range(x.min(y), x.max(y)).contains(x));
        prop_assert!(left.with_subreg(right).contains((x >> 32 << 32) | (y & 0xffff_ffff)));
    }

    #[test]
    fn results_never_have_a_bit_both_known_and_unknown((left, _) in with_member(), (right, _) in with_member()) {
        for result in [left.add(right), left.sub(right), left.mul(right), left.and(right), left.or(right),
            left.xor(right), left.intersect(right), left.with_subreg(right)] {
            prop_assert_eq!(result.value & result.mask, 0);
        }
    }
}
