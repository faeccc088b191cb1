//! The functions that links hold: each does the work of its kind, and goes on.
//!
//! They all take the same arguments and keep nothing on the stack, so that going on is a jump. What is seldom is a function
//! of its own for the same reason: a call that comes back would make everybody save registers.

use super::work::{Test, Work};
use super::{Link, Stopped, Stretch};
use crate::interp::frame::Regs;

/// Does its work.
pub(super) fn one<'a, W: Work>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    match W::plain(link, regs, stretch.memory) {
        Some(()) => go_on(rest, regs, stretch, credit),
        None => hard::<W>(link, rest, regs, stretch, credit),
    }
}

/// Does its work and that of the next.
pub(super) fn two<'a, A: Work, B: Work>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    if A::plain(link, regs, stretch.memory).is_none() {
        return hard::<A>(link, rest, regs, stretch, credit);
    }
    match rest.split_first() {
        Some((second, rest)) => one::<B>(second, rest, regs, stretch, credit),
        None => Stopped { left: 0, credit },
    }
}

/// Jumps.
pub(super) fn jump<'a>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    let there = stretch.window.get(link.small as usize..);
    let Some((first, after)) = there.and_then(<[Link]>::split_first) else {
        return leave(link, rest, regs, stretch, credit);
    };
    let credit = credit
        .wrapping_add_unsigned(rest.len() as u64)
        .wrapping_sub_unsigned(after.len() as u64 + 1);
    match credit {
        0.. => (first.handler)(first, after, regs, stretch, credit),
        _ => Stopped {
            left: after.len() + 1,
            credit,
        },
    }
}

/// Jumps if its test says so.
pub(super) fn branch<'a, T: Test>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    match T::holds(link, regs) {
        true => jump(link, rest, regs, stretch, credit),
        false => go_on(rest, regs, stretch, credit),
    }
}

/// Jumps if its test says so, and otherwise as the next link does.
pub(super) fn branch_or_jump<'a, T: Test>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    match (T::holds(link, regs), rest.split_first()) {
        (true, _) => jump(link, rest, regs, stretch, credit),
        (false, Some((second, rest))) => jump(second, rest, regs, stretch, credit),
        (false, None) => Stopped { left: 0, credit },
    }
}

/// Does its work, then what the next link's test says.
pub(super) fn work_then_branch<'a, A: Work, T: Test>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    if A::plain(link, regs, stretch.memory).is_none() {
        return hard::<A>(link, rest, regs, stretch, credit);
    }
    match rest.split_first() {
        Some((second, rest)) => branch::<T>(second, rest, regs, stretch, credit),
        None => Stopped { left: 0, credit },
    }
}

/// Does its work, then jumps as the next link does.
pub(super) fn work_then_jump<'a, A: Work>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    if A::plain(link, regs, stretch.memory).is_none() {
        return hard::<A>(link, rest, regs, stretch, credit);
    }
    match rest.split_first() {
        Some((second, rest)) => jump(second, rest, regs, stretch, credit),
        None => Stopped { left: 0, credit },
    }
}

/// Stops in front of its operation: it is for the loop to do.
pub(super) fn leave<'a>(
    _link: &'a Link,
    rest: &'a [Link],
    _regs: &mut Regs,
    _stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    Stopped {
        left: rest.len() + 1,
        credit,
    }
}

/// Does work that is not plain.
#[cold]
#[inline(never)]
fn hard<'a, W: Work>(
    link: &'a Link,
    rest: &'a [Link],
    regs: &mut Regs,
    stretch: &Stretch<'a>,
    credit: i64,
) -> Stopped {
    match W::hard(link, regs, stretch.memory) {
        Some(()) => go_on(rest, regs, stretch, credit),
        None => leave(link, rest, regs, stretch, credit),
    }
}

/// Goes on with the next link.
#[inline(always)]
fn go_on<'a>(rest: &'a [Link], regs: &mut Regs, stretch: &Stretch<'a>, credit: i64) -> Stopped {
    match rest.split_first() {
        Some((link, rest)) => (link.handler)(link, rest, regs, stretch, credit),
        None => Stopped { left: 0, credit },
    }
}
