//! The kinds of work that links do, in the order of the instruction shapes: types, so that each kind becomes code of its own.
//!
//! What they compute is `isa::alu`'s business, and what may be accessed is guest memory's. Kinds are marked with
//! numbers, the places of operations and widths in their lists (`AluOp::ALL`): enums may not mark them yet.

use std::marker::PhantomData;

use super::Link;
use crate::interp::frame::Regs;
use crate::isa::alu::{alu, compare, endian, extend, movsx, neg};
use crate::isa::{AluOp, ByteOrder, Extend, JumpOp, Size, Width};
use crate::machine::{Addr, Memory};

/// Work that ends with going on to the next link.
pub(super) trait Work {
    /// Does it, if it is as it mostly is; otherwise nothing has happened.
    fn plain(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()>;

    /// Does it however it is; otherwise nothing has happened, and the loop will say why.
    fn hard(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        Self::plain(link, regs, memory)
    }
}

/// A question that decides on a jump.
pub(super) trait Test {
    /// Whether it is to be taken.
    fn holds(link: &Link, regs: &Regs) -> bool;
}

/// What the second operand is.
pub(super) trait Second {
    /// Its value.
    fn of(link: &Link, regs: &Regs) -> u64;
}

/// It is a register.
pub(super) struct SrcReg;

/// It is an immediate.
pub(super) struct SrcImm;

impl Second for SrcReg {
    #[inline(always)]
    fn of(link: &Link, regs: &Regs) -> u64 {
        regs[link.src]
    }
}

impl Second for SrcImm {
    #[inline(always)]
    fn of(link: &Link, _regs: &Regs) -> u64 {
        link.imm
    }
}

/// `dst = dst op second`, in 64 bits or 32.
pub(super) struct Arith<const OP: u8, const WIDTH: u8, S>(PhantomData<S>);

/// Negation.
pub(super) struct Negated<const WIDTH: u8>;

/// Sign-extending move.
pub(super) struct SignMoved<const WIDTH: u8, const FROM: u8>;

/// Byte swap.
pub(super) struct Swapped<const SIZE: u8>;

/// Load.
pub(super) struct Loaded<const SIZE: u8, const EXTEND: u8>;

/// Store of a register.
pub(super) struct Stored<const SIZE: u8>;

/// Store of a number.
pub(super) struct NumberStored<const SIZE: u8>;

/// Comparison of `dst` with the second operand.
pub(super) struct Compared<const OP: u8, const WIDTH: u8, S>(PhantomData<S>);

impl<const OP: u8, const WIDTH: u8, S: Second> Work for Arith<OP, WIDTH, S> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, _memory: &Memory) -> Option<()> {
        let (op, width) = const { (AluOp::ALL[OP as usize], Width::ALL[WIDTH as usize]) };
        regs[link.dst] = alu(width, op, regs[link.dst], S::of(link, regs));
        Some(())
    }
}

impl<const WIDTH: u8> Work for Negated<WIDTH> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, _memory: &Memory) -> Option<()> {
        regs[link.dst] = neg(const { Width::ALL[WIDTH as usize] }, regs[link.dst]);
        Some(())
    }
}

impl<const WIDTH: u8, const FROM: u8> Work for SignMoved<WIDTH, FROM> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, _memory: &Memory) -> Option<()> {
        let (width, from) = const { (Width::ALL[WIDTH as usize], Size::ALL[FROM as usize]) };
        regs[link.dst] = movsx(width, from, regs[link.src]);
        Some(())
    }
}

impl<const SIZE: u8> Work for Swapped<SIZE> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, _memory: &Memory) -> Option<()> {
        let size = const { Size::ALL[SIZE as usize] };
        regs[link.dst] = endian(ByteOrder::Swap, size, regs[link.dst]);
        Some(())
    }
}

impl<const SIZE: u8, const EXTEND: u8> Work for Loaded<SIZE, EXTEND> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let (size, fill) = const { (Size::ALL[SIZE as usize], Extend::ALL[EXTEND as usize]) };
        let value = memory.load_plain(based_on(regs[link.src], link), size)?;
        regs[link.dst] = extend(fill, size, value);
        Some(())
    }

    #[inline]
    fn hard(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let (size, fill) = const { (Size::ALL[SIZE as usize], Extend::ALL[EXTEND as usize]) };
        let value = memory.load_allowed(based_on(regs[link.src], link), size)?;
        regs[link.dst] = extend(fill, size, value);
        Some(())
    }
}

impl<const SIZE: u8> Work for Stored<SIZE> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let to = based_on(regs[link.dst], link);
        memory.store_plain(to, const { Size::ALL[SIZE as usize] }, regs[link.src])
    }

    #[inline]
    fn hard(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let to = based_on(regs[link.dst], link);
        memory.store_allowed(to, const { Size::ALL[SIZE as usize] }, regs[link.src])
    }
}

impl<const SIZE: u8> Work for NumberStored<SIZE> {
    #[inline(always)]
    fn plain(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let to = based_on(regs[link.dst], link);
        memory.store_plain(to, const { Size::ALL[SIZE as usize] }, number(link))
    }

    #[inline]
    fn hard(link: &Link, regs: &mut Regs, memory: &Memory) -> Option<()> {
        let to = based_on(regs[link.dst], link);
        memory.store_allowed(to, const { Size::ALL[SIZE as usize] }, number(link))
    }
}

impl<const OP: u8, const WIDTH: u8, S: Second> Test for Compared<OP, WIDTH, S> {
    #[inline(always)]
    fn holds(link: &Link, regs: &Regs) -> bool {
        let (op, width) = const { (JumpOp::ALL[OP as usize], Width::ALL[WIDTH as usize]) };
        compare(op, width, regs[link.dst], S::of(link, regs))
    }
}

#[inline(always)]
fn based_on(base: u64, link: &Link) -> Addr {
    Addr(base.wrapping_add(link.imm))
}

#[inline(always)]
fn number(link: &Link) -> u64 {
    i64::from(link.small.cast_signed()).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_for_the_values_whose_numbers_they_are() {
        assert!(
            (0..)
                .zip(Width::ALL)
                .all(|(mark, value)| mark == value as u8)
        );
        assert!(
            (0..)
                .zip(Size::ALL)
                .all(|(mark, value)| mark == value as u8)
        );
        assert!(
            (0..)
                .zip(Extend::ALL)
                .all(|(mark, value)| mark == value as u8)
        );
        assert!(
            (0..)
                .zip(AluOp::ALL)
                .all(|(mark, value)| mark == value as u8)
        );
        assert!(
            (0..)
                .zip(JumpOp::ALL)
                .all(|(mark, value)| mark == value as u8)
        );
    }
}
