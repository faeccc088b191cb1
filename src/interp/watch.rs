//! Who looks on while a program runs: shown each operation before it runs, changing nothing.
//!
//! It is no debugger: it cannot stop a run. With [`Nobody`] looking on nothing is left of it.

use crate::code::Code;

/// An operation about to run.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The program, after tail calls the one that was called last.
    pub code: &'a Code,
    /// The operation, an index into [`Code::ops`].
    pub index: usize,
    /// How many frames there are; 1 in the program itself.
    pub depth: usize,
    /// The registers, by number.
    pub regs: &'a [u64],
}

/// Somebody who looks on.
pub trait Watch {
    /// Whether it looks at all.
    const LOOKS: bool = true;

    /// An operation is about to run.
    fn step(&mut self, step: &Step<'_>);
}

/// Nobody.
pub(super) struct Nobody;

impl Watch for Nobody {
    const LOOKS: bool = false;

    #[inline(always)]
    fn step(&mut self, _step: &Step<'_>) {}
}
