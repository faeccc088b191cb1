//! Ends of loops that are compiled twice: for each way of a branch on its own.
//!
//! Both ways of a branch that skips a few operations meet behind them. One has to jump there, and whatever they hand over
//! must lie in the same registers. If what follows up to the block with the branch is short, the way through the skipped
//! operations goes on with a copy of it, and nothing has to agree before the loop's start.
//!
//! It says what is copied; the translation ([`super::translate`]) copies.

use crate::code::{Checks, Code, Op};

use super::flow::{self, Function};
use super::translate::is_quiet;

/// Most operations that are copied.
const MOST: usize = 10;

/// What follows where two ways meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The operations in the order in which they run; what a jump leads to stands behind it. A branch goes on with the
    /// next one, the last of all with the operation behind it in the program.
    pub(super) ops: Vec<usize>,
    /// The block with the branch, which follows those that do not end with one.
    pub(super) to: usize,
}

impl Tail {
    /// What follows from `join` on, where the operations before it are those that a branch to it skips, and the loop
    /// soon comes back to that branch.
    pub(super) fn behind(function: &Function, code: &Code, join: usize) -> Option<Tail> {
        let mut before = function.leaders.range(..join).rev();
        let (skipped, to) = (*before.next()?, *before.next()?);
        let branch = code.ops.get(skipped.checked_sub(1)?)?;
        if code.checks == Checks::Needed || !is_branch(branch) || flow::target(branch) != Some(join)
        {
            return None;
        }
        let mut ops = Vec::new();
        let mut at = join;
        while ops.len() < MOST {
            let op = code.ops.get(at)?;
            ops.push(at);
            let (next, leads_back) = match op {
                Op::Jump { target } => (target.index(), false),
                op if is_branch(op) => (at + 1, flow::target(op) == Some(to)),
                op if is_plain(op) => (at + 1, false),
                _ => return None,
            };
            if next == to || leads_back {
                return Some(Tail { ops, to });
            }
            at = next;
        }
        None
    }
}

/// Whether an operation goes one of two ways.
pub(super) fn is_branch(op: &Op) -> bool {
    matches!(op, Op::JumpIfReg { .. } | Op::JumpIfImm { .. })
}

/// Whether an operation is a few instructions of native code.
fn is_plain(op: &Op) -> bool {
    is_quiet(op) || matches!(op, Op::Load(_) | Op::StoreReg { .. } | Op::StoreImm { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jit::fixture::Fixture;

    fn tail(text: &str, join: usize) -> Option<Vec<usize>> {
        let mut code = Fixture::new().code(text);
        code.checks = Checks::Proven;
        let flow = flow::Flow::of(&code).expect("it is small");
        let function = flow.functions.first().expect("there is one");
        Tail::behind(function, &code, join).map(|tail| tail.ops)
    }

    #[test]
    fn end_of_a_loop_behind_skipped_operations_is_copied() {
        let text = "r0 = 0\nr1 = 0\nr2 = r1\nr2 &= 1\nif r2 == 0 goto +1\nr0 += 3\nr1 += 1\nif r1 != 10 goto -6\nexit";
        assert_eq!(tail(text, 6), Some(vec![6, 7]));
    }

    #[test]
    fn end_of_a_loop_that_begins_with_its_condition_is_copied_across_the_jump() {
        let text = "r0 = 0\nr1 = 0\ngoto +2\nr1 += 1\nif r1 == 10 goto +6\nr2 = r1\nr2 &= 1\nif r2 == 0 goto +1\nr0 += 3\nr0 += 1\ngoto -8\nexit";
        assert_eq!(tail(text, 9), Some(vec![9, 10, 3, 4]));
    }

    #[test]
    fn what_leads_to_no_branch_again_or_late_is_not_copied() {
        let once = "r0 = 0\nr1 = 1\nif r1 == 0 goto +1\nr0 += 3\nr0 += 1\nexit";
        assert_eq!(tail(once, 4), None);
        let long = "r0 += 1\n".repeat(MOST);
        let text = format!(
            "r0 = 0\nr1 = 0\nr1 += 1\nif r1 == 5 goto +1\nr0 += 3\n{long}if r1 != 10 goto -{}\nexit",
            MOST + 4
        );
        assert_eq!(tail(&text, 5), None);
    }
}
