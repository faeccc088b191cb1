//! Registers and call frames of one run.
//!
//! A frame here is what a return restores; the stack bytes of each are guest memory
//! ([`crate::code::Stacks`]).

use std::ops::{Index, IndexMut};

use crate::code::{Branch, Cause, Code, MAX_FRAMES, MAY_GOTO_BUDGET, Place};
use crate::isa::Reg;
use crate::isa::alu::compare;
use crate::machine::Addr;

/// Registers are masked to this many, so that no index is checked twice.
const SLOTS: usize = 16;

/// The registers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Regs([u64; SLOTS]);

impl Regs {
    /// Registers at the start of a function: `r1` to `r5` set, the others zero.
    pub(super) fn with_args(args: [u64; 5]) -> Regs {
        let mut regs = Regs::default();
        for (slot, arg) in regs.0.iter_mut().skip(1).zip(args) {
            *slot = arg;
        }
        regs
    }

    /// All of them, by number; nothing that a program holds stands beyond `r10`.
    #[inline(always)]
    pub(super) fn values(&self) -> &[u64] {
        &self.0
    }

    /// `r1` to `r5`.
    #[inline(always)]
    pub(super) fn args(&self) -> [u64; 5] {
        let [_, r1, r2, r3, r4, r5, ..] = self.0;
        [r1, r2, r3, r4, r5]
    }

    /// The address of a place, wrapping.
    #[inline(always)]
    pub(super) fn addr(&self, place: Place) -> Addr {
        Addr(self[place.base].wrapping_add_signed(i64::from(place.off)))
    }

    /// Whether a branch is taken, given its right operand.
    #[inline(always)]
    pub(super) fn satisfy(&self, branch: Branch, right: u64) -> bool {
        compare(branch.op, branch.width, self[branch.dst], right)
    }

    fn saved(&self) -> [u64; 4] {
        let [_, _, _, _, _, _, r6, r7, r8, r9, ..] = self.0;
        [r6, r7, r8, r9]
    }

    fn restore(&mut self, saved: [u64; 4]) {
        let [_, _, _, _, _, _, r6, r7, r8, r9, ..] = &mut self.0;
        [*r6, *r7, *r8, *r9] = saved;
    }
}

impl Index<Reg> for Regs {
    type Output = u64;

    #[inline(always)]
    fn index(&self, reg: Reg) -> &u64 {
        &self.0[reg.index() % SLOTS]
    }
}

impl IndexMut<Reg> for Regs {
    #[inline(always)]
    fn index_mut(&mut self, reg: Reg) -> &mut u64 {
        &mut self.0[reg.index() % SLOTS]
    }
}

/// What a return restores, and what the function has left of its budget.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    code: &'a Code,
    next: usize,
    saved: [u64; 4],
    budget: u64,
    /// The depth at which the function's program began: its frames are counted from there.
    floor: usize,
}

/// Where a caller goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Return<'a> {
    pub(super) code: &'a Code,
    pub(super) next: usize,
}

/// The frames of one run, callbacks included.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    frames: [Frame<'a>; MAX_FRAMES],
    /// Those further in, which only tail calls of subprograms need.
    more: Vec<Frame<'a>>,
    depth: usize,
}

impl<'a> Frames<'a> {
    /// No frame; `code` is the program that will run first.
    pub(super) fn new(code: &'a Code) -> Frames<'a> {
        let unused = Frame {
            code,
            next: 0,
            saved: [0; 4],
            budget: 0,
            floor: 0,
        };
        Frames {
            frames: [unused; MAX_FRAMES],
            more: Vec::new(),
            depth: 0,
        }
    }

    /// How many there are.
    #[inline]
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Begins a frame whose return leads to `back`, and gives its index.
    pub(super) fn push(&mut self, back: Return<'a>, regs: &Regs) -> Result<usize, Cause> {
        let index = self.depth;
        let floor = self.innermost().map_or(0, |frame| frame.floor);
        if index - floor >= MAX_FRAMES {
            return Err(Cause::CallDepth { limit: MAX_FRAMES });
        }
        let Return { code, next } = back;
        let frame = Frame {
            code,
            next,
            saved: regs.saved(),
            budget: MAY_GOTO_BUDGET,
            floor,
        };
        match self.frames.get_mut(index) {
            Some(slot) => *slot = frame,
            None => {
                self.more.truncate(index - MAX_FRAMES);
                self.more.push(frame);
            }
        }
        self.depth += 1;
        Ok(index)
    }

    /// Ends the innermost frame.
    pub(super) fn pop(&mut self, regs: &mut Regs) -> Option<Return<'a>> {
        self.depth = self.depth.checked_sub(1)?;
        let frame = *self.at(self.depth)?;
        regs.restore(frame.saved);
        Some(Return {
            code: frame.code,
            next: frame.next,
        })
    }

    /// Gives the innermost frame to another program.
    pub(super) fn replace(&mut self) {
        let floor = self.depth.saturating_sub(1);
        if let Some(frame) = self.innermost() {
            frame.budget = MAY_GOTO_BUDGET;
            frame.floor = floor;
        }
    }

    /// The index of the frame with which the innermost function's program began.
    pub(super) fn floor(&mut self) -> usize {
        self.innermost().map_or(0, |frame| frame.floor)
    }

    /// Ends all frames above `depth`.
    pub(super) fn unwind(&mut self, depth: usize) {
        self.depth = self.depth.min(depth);
    }

    /// Takes one iteration of `may_goto`; whether none was left.
    pub(super) fn spend_iteration(&mut self) -> Budget {
        let Some(frame) = self.innermost() else {
            return Budget::Spent;
        };
        match frame.budget.checked_sub(1) {
            Some(left) => {
                frame.budget = left;
                Budget::Left
            }
            None => Budget::Spent,
        }
    }

    fn innermost(&mut self) -> Option<&mut Frame<'a>> {
        self.at(self.depth.checked_sub(1)?)
    }

    fn at(&mut self, index: usize) -> Option<&mut Frame<'a>> {
        match index.checked_sub(MAX_FRAMES) {
            None => self.frames.get_mut(index),
            Some(further) => self.more.get_mut(further),
        }
    }
}

/// Whether iterations of `may_goto` are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    Left,
    Spent,
}
