//! Lowers a judged program to flat, pre-decoded operations that both engines run.
//!
//! It is no optimiser: every operation is one instruction of the program, so that counting
//! operations counts instructions (a 64-bit immediate load is one, as the kernel counts it).
//!
//! Rules:
//! - Branch targets are indices of operations, maps and variables are addresses, helpers are rows
//!   of the helper table, context fields are places in guest memory. Nothing is looked up later.
//! - [`Code::pc_of`] leads from each operation back to its instruction.
//! - What no path reaches is dropped; where control could still get there by a fault of the
//!   verifier stands [`Op::Unreached`], which traps.
//! - What cannot be run is refused here by name, with its pc, never later.

mod bindings;
mod derived;
mod display;
mod join;
mod known;
mod lower;
mod op;
mod refusal;
mod run;
mod stacks;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::abi::ProgType;
use crate::isa::{Pc, Size};
use crate::machine::{ARENA_PAGE, Arena, ArenaPlace, ProgId};
use crate::maps::Map;
use crate::object::CallFacts;

pub use bindings::{Bindings, MapBinding};
pub use derived::Derived;
pub use join::{join, join_verified};
pub use known::{ArrayId, ArrayShape, Known};
pub use lower::{lower, lower_unverified};
pub use op::{
    Atomic, Branch, CallId, EntryId, Load, MAX_LOOPS, MAY_GOTO_BUDGET, Op, Place, TOO_MANY_TURNS,
    Target,
};
pub use refusal::LowerError;
pub use run::{Cause, DEFAULT_FUEL, MAX_TAIL_CALLS, Outcome, Programs, RunEnv, Start, Trap};
pub use stacks::{MAX_FRAMES, RUN_FRAMES, STACK_SIZE, Stacks};

/// A program in the form that engines run.
#[derive(Clone, Debug)]
pub struct Code {
    /// The program's name.
    pub name: Arc<str>,
    /// Its id, once it is loaded.
    pub id: OnceLock<ProgId>,
    /// Its type.
    pub prog_type: ProgType,
    /// Its operations, the program itself first.
    pub ops: Vec<Op>,
    /// The instruction of each operation.
    pub pcs: Vec<Pc>,
    /// Where calls lead, by rising start, the program itself first.
    pub entries: Vec<Entry>,
    /// The function that decides on the result when the program throws.
    pub exception: Option<EntryId>,
    /// The functions that helpers or kernel functions call back, or timers, as far as that is known: of a program that
    /// nobody judged it may be any whose handle it takes.
    pub called_back: Vec<EntryId>,
    /// Context fields that lie elsewhere in guest memory, for [`Op::LoadContext`].
    pub moved: Vec<MovedField>,
    /// The arrays that it looks into, for [`Op::LookupArray`].
    pub arrays: Vec<ArrayShape>,
    /// The map that a call of a helper is given, where that is known, by index of the operation.
    pub maps: BTreeMap<usize, Arc<Map>>,
    /// The arena that [`Op::LoadArena`] and its like access.
    pub arena: Option<Arc<Arena>>,
    /// What is known of its calls of kernel functions, for [`Op::CallKfunc`].
    pub calls: Vec<CallFacts>,
    /// Whether its accesses must be checked when they happen.
    pub checks: Checks,
    /// What an engine makes of it at its first run: after that, the operations must stay as they are.
    pub derived: Derived,
}

/// Whether the accesses of a program must be checked when they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// The verifier has proven them safe, but for loads that are marked as probed.
    Proven,
    /// Nobody judged the program.
    Needed,
}

/// A subprogram that calls and callbacks lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, if the object names it.
    pub name: Arc<str>,
    /// Its first slot.
    pub pc: Pc,
    /// Its first operation.
    pub start: Target,
    /// Bytes of stack it may use.
    pub stack: u32,
}

/// A context field that is wider, and so elsewhere, in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedField {
    /// Its offset in the user-visible structure.
    pub off: u32,
    /// Its size there.
    pub size: u32,
    /// Its offset in guest memory, where it has 8 bytes.
    pub guest_off: u32,
}

/// Address of the first function handle: kernel text, which no load or store reaches.
const HANDLE_BASE: u64 = 0xffff_ffff_c000_0000;

/// Distance of function handles.
const HANDLE_STEP: u64 = 64;

impl Code {
    /// The number that stands for a subprogram in a register: what `LoadImm64` of a function gives.
    pub fn handle_of(entry: EntryId) -> u64 {
        HANDLE_BASE + HANDLE_STEP * u64::from(entry.0)
    }

    /// The subprogram that a number in a register stands for, if it is a function's handle.
    pub fn entry_of(&self, handle: u64) -> Option<EntryId> {
        let distance = handle.checked_sub(HANDLE_BASE)?;
        let index = u32::try_from(distance / HANDLE_STEP).ok()?;
        let exists = (index as usize) < self.entries.len();
        (exists && distance.is_multiple_of(HANDLE_STEP)).then_some(EntryId(index))
    }

    /// The instruction of the operation at `index`; past the end, the last one.
    pub fn pc_of(&self, index: usize) -> Pc {
        self.pcs
            .get(index)
            .or(self.pcs.last())
            .copied()
            .unwrap_or_default()
    }

    /// What is known of a call of a kernel function.
    pub fn facts_of(&self, call: CallId) -> &CallFacts {
        let facts = self.calls.get(call.0 as usize);
        facts.unwrap_or(CallFacts::NONE)
    }

    /// Where in the arena an access lies that may be one. Of a program nobody judged, it is none where guest memory may
    /// be, or a null pointer and a field's offset.
    pub fn in_arena(&self, base: u64, off: i32) -> Option<(&Arena, ArenaPlace)> {
        let arena = self.arena.as_deref()?;
        let place = match self.checks {
            Checks::Proven => ArenaPlace::new(base, off),
            Checks::Needed => {
                let sum = base.wrapping_add_signed(i64::from(off));
                ArenaPlace::of_sum(sum).filter(|place| sum >= ARENA_PAGE || arena.has(*place))?
            }
        };
        Some((arena, place))
    }

    /// The field that a load of `size` at `off` of the user-visible context means, when it lies
    /// elsewhere in guest memory.
    pub fn moved_field(&self, off: u64, size: Size) -> Option<MovedField> {
        let wanted =
            |field: &&MovedField| u64::from(field.off) == off && field.size == size.bytes();
        self.moved.iter().find(wanted).copied()
    }
}

#[cfg(test)]
mod tests;
