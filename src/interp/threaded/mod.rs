//! Threaded code: the fast way through arithmetic, loads, stores and jumps.
//!
//! It decides nothing that anybody can see. It stops *in front of* whatever it does not do itself (a call, a return, a
//! refused access, the end of the fuel), and the loop of [`super`] does that operation and says what came of it.
//!
//! Rules:
//! - A [`Link`] holds the function that does it. Each such function ends by calling that of the link to go on with, and
//!   hands on its own arguments: a call that compiles to a jump. Where it does not, [`GRANT`] bounds the depth.
//! - Links are numbered as operations are. One that does its own work and the next one's stands in its own place; the
//!   next keeps its function, for those who jump to it. So instructions are counted by subtracting places.
//! - `credit` is the fuel that would be left after running straight to the end of the window. Only jumps change it, and
//!   one that would make it negative is the last: no operation runs that is not paid for.

mod build;
mod handlers;
#[cfg(test)]
mod tests;
mod work;

use super::frame::Regs;
use crate::isa::Reg;
use crate::machine::Memory;

/// How many operations run at most before the stack is unwound.
const GRANT: u64 = 1024;

/// How many of them may stand ahead of the first.
const WINDOW: u64 = 512;

/// What does a link, given those behind it.
type Handler = for<'a> fn(&'a Link, &'a [Link], &mut Regs, &Stretch<'a>, credit: i64) -> Stopped;

/// An operation.
#[derive(Clone, Copy)]
struct Link {
    handler: Handler,
    /// The operand that is no register, or the offset of an access.
    imm: u64,
    /// Where a jump leads to, or the number that is stored.
    small: u32,
    /// The first operand, or the base of a store.
    dst: Reg,
    /// The second operand, or the base of a load.
    src: Reg,
}

/// What stays the same while links run.
struct Stretch<'a> {
    /// The links from the first one on, as far as may be run.
    window: &'a [Link],
    memory: &'a Memory,
}

/// Where it stopped: so many links before the end of the window.
struct Stopped {
    left: usize,
    credit: i64,
}

/// The operation to go on with, and how many may still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) next: usize,
    pub(super) fuel: u64,
}

/// A program as threaded code.
pub(super) struct Threaded {
    links: Box<[Link]>,
}

impl Threaded {
    /// Runs as far as it goes.
    #[inline]
    pub(super) fn run(&self, memory: &Memory, regs: &mut Regs, from: Progress) -> Progress {
        let Progress { next, fuel } = from;
        let grant = fuel.min(GRANT);
        let ahead = grant.min(WINDOW) as usize;
        let end = next.saturating_add(ahead).min(self.links.len());
        let window = self.links.get(..end).unwrap_or_default();
        let Some((link, rest)) = window.get(next..).unwrap_or_default().split_first() else {
            return from;
        };
        let credit = (grant as i64).wrapping_sub_unsigned((end - next) as u64);
        let stretch = Stretch { window, memory };
        let stopped = (link.handler)(link, rest, regs, &stretch, credit);
        let left = stopped.credit.wrapping_add_unsigned(stopped.left as u64);
        Progress {
            next: end - stopped.left,
            fuel: fuel - grant + left.cast_unsigned(),
        }
    }
}
