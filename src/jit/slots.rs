//! Which bytes of a function's frame can live in native registers.
//!
//! Only for judged programs: the verifier has proven that what is reached through a pointer into the
//! frame lies in the frame, and nothing else is believed here.
//!
//! Rules:
//! - A register is known to point to a fixed place of the frame, to some place of it perhaps, or
//!   not into it. At a join the three meet; the middle one is the top.
//! - An operation on a map that is known touches key and value. Another helper that is given a place
//!   may touch everything from there up to the frame's end. A place
//!   that is stored, handed to a subprogram or used for arithmetic, and any use of a register that
//!   perhaps points into the frame, may touch all of it.
//! - What is left are accesses of fixed places. A slot is promoted if all accesses that touch it
//!   agree in place and size, and none is atomic. A word that a map looks for is promoted too if all
//!   accesses that touch it lie in it: put together in memory, it could only be read when all stores
//!   have got there.
//! - Frames start as zeros: a promoted slot does, and of the others only those are cleared that
//!   something may read.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{Checks, Code, Op, Place, STACK_SIZE};
use crate::isa::{AluOp, AtomicOp, Fetch, Reg, Size};

use super::direct;
use super::flow::{self, Flow, Function, RegSet};

/// The bytes of a frame.
const FRAME: i32 = STACK_SIZE as i32;

/// What a lookup in an array reads.
pub(super) const ARRAY_KEY: Place = Place {
    size: Size::W,
    base: Reg::R2,
    off: 0,
};

/// What a register is known to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// No pointer into this frame.
    Other,
    /// The end of the frame plus so many bytes.
    At(i32),
    /// Perhaps a pointer into the frame.
    Perhaps,
}

type Held11 = [Held; Reg::COUNT];

/// The frame of one function.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// What each load and store of a slot concerns, by index of the operation.
    pub(super) of_op: BTreeMap<usize, Part>,
    /// The same of each word of a key, by index of the operation that looks for it, and offset in
    /// the key.
    pub(super) of_key: BTreeMap<(usize, i32), Part>,
    /// How many slots there are.
    pub(super) count: usize,
    /// Offsets of the words to clear, from the frame's end.
    pub(super) cleared: Vec<i32>,
}

/// A slot, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) slot: usize,
    /// How many bits of the slot are below it.
    pub(super) shift: u32,
    /// How much of the slot it is.
    pub(super) of: Whole,
}

/// Whether something is all of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// It is.
    Yes,
    /// It is less.
    No,
}

impl Slots {
    /// Looks for slots in a function.
    pub(super) fn of(function: &Function, flow: &Flow, code: &Code) -> Slots {
        let entry = code.entries.get(function.entry.index());
        let used = entry
            .map_or(STACK_SIZE, |entry| entry.stack)
            .min(STACK_SIZE);
        let used = used.next_multiple_of(8) as i32;
        if code.checks == Checks::Needed {
            let cleared = words(-used, 0).collect();
            return Slots {
                cleared,
                ..Slots::default()
            };
        }
        let mut scan = Scan::new(function, flow, code);
        scan.settle();
        scan.note = true;
        scan.settle_once();
        scan.slots(used)
    }
}

/// The words of a range of the frame.
fn words(from: i32, end: i32) -> impl Iterator<Item = i32> {
    (from.div_euclid(8) * 8..end).step_by(8)
}

/// The search in one function.
struct Scan<'a> {
    function: &'a Function,
    flow: &'a Flow,
    code: &'a Code,
    /// What registers hold where a block begins.
    at: BTreeMap<usize, Held11>,
    /// Whether accesses are noted: on the last pass.
    note: bool,
    /// Accesses of fixed places: operation, offset, size.
    accesses: Vec<(usize, i32, Size)>,
    /// Words of keys that maps look for: operation, offset in the key, offset, size.
    keys: Vec<(usize, i32, i32, Size)>,
    /// Places that must stay in memory whatever else touches them.
    pinned: Vec<(i32, Size)>,
    /// Everything from here up may be touched by somebody else.
    escaped: i32,
}

impl<'a> Scan<'a> {
    fn new(function: &'a Function, flow: &'a Flow, code: &'a Code) -> Scan<'a> {
        let mut held = [Held::Other; Reg::COUNT];
        if let Some(fp) = held.get_mut(Reg::FP.index()) {
            *fp = Held::At(0);
        }
        let start = code.entries.get(function.entry.index());
        let start = start.map_or(0, |entry| entry.start.index());
        Scan {
            function,
            flow,
            code,
            at: [(start, held)].into(),
            note: false,
            accesses: Vec::new(),
            keys: Vec::new(),
            pinned: Vec::new(),
            escaped: 0,
        }
    }

    fn settle(&mut self) {
        while self.settle_once() {}
    }

    /// One pass over the function; whether it learnt something.
    fn settle_once(&mut self) -> bool {
        let mut changed = false;
        let mut current: Option<Held11> = None;
        let function = self.function;
        for &index in &function.ops {
            if function.leaders.contains(&index) {
                if let Some(held) = current {
                    changed |= self.join(index, held);
                }
                current = self.at.get(&index).copied();
            }
            let (Some(mut held), Some(op)) = (current, self.code.ops.get(index)) else {
                continue;
            };
            self.step(index, op, &mut held);
            if let Some(target) = flow::target(op) {
                changed |= self.join(target, held);
            }
            current = op.falls_through().then_some(held);
        }
        changed
    }

    fn join(&mut self, index: usize, held: Held11) -> bool {
        let Some(known) = self.at.get_mut(&index) else {
            self.at.insert(index, held);
            return true;
        };
        let before = *known;
        for (known, held) in known.iter_mut().zip(held) {
            if *known != held {
                *known = Held::Perhaps;
            }
        }
        *known != before
    }

    /// What an operation does to what registers hold.
    fn step(&mut self, index: usize, op: &Op, held: &mut Held11) {
        let get = |held: &Held11, reg: Reg| held.get(reg.index()).copied().unwrap_or(Held::Perhaps);
        let set = |held: &mut Held11, reg: Reg, value| {
            if let Some(slot) = held.get_mut(reg.index()) {
                *slot = value;
            }
        };
        match *op {
            Op::Alu64Reg {
                op: AluOp::Mov,
                dst,
                src,
            } => {
                let value = get(held, src);
                set(held, dst, value);
            }
            Op::Alu32Reg {
                op: AluOp::Mov,
                dst,
                src,
            } => {
                let value = match get(held, src) {
                    Held::Other => Held::Other,
                    Held::At(_) | Held::Perhaps => Held::Perhaps,
                };
                set(held, dst, value);
            }
            Op::Alu64Reg { dst, src, .. } | Op::Alu32Reg { dst, src, .. } => {
                let value = match (get(held, dst), get(held, src)) {
                    (Held::Other, Held::Other) => Held::Other,
                    (Held::Other | Held::At(_) | Held::Perhaps, _) => Held::Perhaps,
                };
                set(held, dst, value);
            }
            Op::Alu64Imm { op, dst, imm } => {
                let value = moved(op, get(held, dst), imm);
                set(held, dst, value);
            }
            Op::Alu32Imm { op, dst, .. } => {
                let value = match (op, get(held, dst)) {
                    (AluOp::Mov, _) | (_, Held::Other) => Held::Other,
                    (_, Held::At(_) | Held::Perhaps) => Held::Perhaps,
                };
                set(held, dst, value);
            }
            Op::Neg { dst, .. } | Op::Endian { dst, .. } => {
                if get(held, dst) != Held::Other {
                    set(held, dst, Held::Perhaps);
                }
            }
            Op::MovSx { dst, src, .. } | Op::Cast { dst, src, .. } => {
                let value = match get(held, src) {
                    Held::Other => Held::Other,
                    Held::At(_) | Held::Perhaps => Held::Perhaps,
                };
                set(held, dst, value);
            }
            Op::LoadImm { dst, .. } => set(held, dst, Held::Other),
            Op::Load(load) => {
                self.access(index, load.at, get(held, load.at.base));
                // Nothing that points into the frame is ever stored without losing all slots.
                set(held, load.dst, Held::Other);
            }
            Op::LoadProbed(load) | Op::LoadContext(load) | Op::LoadArena(load) => {
                self.lose(get(held, load.at.base));
                set(held, load.dst, Held::Other);
            }
            Op::StoreReg { at, src } => {
                self.access(index, at, get(held, at.base));
                self.lose(get(held, src));
            }
            Op::StoreImm { at, .. } => self.access(index, at, get(held, at.base)),
            Op::StoreArenaReg { at, src } => {
                self.lose(get(held, at.base));
                self.lose(get(held, src));
            }
            Op::StoreArenaImm { at, .. } => self.lose(get(held, at.base)),
            Op::Atomic(atomic) | Op::AtomicArena(atomic) => {
                let base = get(held, atomic.at.base);
                if matches!(op, Op::AtomicArena(_)) {
                    self.lose(base);
                } else {
                    self.pin(atomic.at, base);
                }
                self.lose(get(held, atomic.src));
                match atomic.op {
                    AtomicOp::Cmpxchg => set(held, Reg::R0, Held::Other),
                    AtomicOp::Xchg
                    | AtomicOp::Add(Fetch::Yes)
                    | AtomicOp::Or(Fetch::Yes)
                    | AtomicOp::And(Fetch::Yes)
                    | AtomicOp::Xor(Fetch::Yes) => set(held, atomic.src, Held::Other),
                    AtomicOp::Add(Fetch::No)
                    | AtomicOp::Or(Fetch::No)
                    | AtomicOp::And(Fetch::No)
                    | AtomicOp::Xor(Fetch::No) => {}
                }
            }
            Op::LegacyLoad { .. } => set(held, Reg::R0, Held::Other),
            Op::Jump { .. }
            | Op::JumpIfReg { .. }
            | Op::JumpIfImm { .. }
            | Op::MayGoto { .. }
            | Op::Exit
            | Op::Unreached => {}
            Op::CallHelper { helper }
                if let Some(reads) = direct::reads(self.code, index, helper) =>
            {
                for place in reads.key {
                    self.key(index, place, get(held, place.base));
                }
                for place in reads.bytes {
                    self.pin(place, get(held, place.base));
                }
                after_call(held);
            }
            Op::CallHelper { helper } => {
                for reg in RegSet::args(flow::arg_count(helper, self.code)).iter() {
                    self.hand_to_helper(get(held, reg));
                }
                after_call(held);
            }
            Op::CallKfunc { kfunc, .. } if let Some(state) = direct::iterator_of(kfunc) => {
                self.pin(state, get(held, state.base));
                after_call(held);
            }
            Op::CallKfunc { kfunc, .. } => {
                for reg in RegSet::args(kfunc.args()).iter() {
                    self.hand_to_helper(get(held, reg));
                }
                after_call(held);
            }
            Op::LookupArray { .. } => {
                self.access(index, ARRAY_KEY, get(held, ARRAY_KEY.base));
                after_call(held);
            }
            Op::Loop { .. } => {
                self.lose(get(held, Reg::R3));
                after_call(held);
            }
            Op::TailCall | Op::Tell { .. } => after_call(held),
            Op::CallLocal { entry } => {
                let needs = self.flow.function(entry).map(|callee| callee.needs);
                for reg in needs.unwrap_or(RegSet::args(5)).iter() {
                    self.lose(get(held, reg));
                }
                after_call(held);
            }
            Op::CallReg { .. } => {
                for reg in RegSet::args(5).iter() {
                    self.lose(get(held, reg));
                }
                after_call(held);
            }
        }
    }

    fn access(&mut self, index: usize, at: Place, base: Held) {
        match base {
            Held::Other => {}
            Held::At(from) if self.note => {
                self.accesses
                    .push((index, from.saturating_add(at.off), at.size));
            }
            Held::At(_) => {}
            Held::Perhaps => self.lose(base),
        }
    }

    fn key(&mut self, index: usize, at: Place, base: Held) {
        match base {
            Held::Other => {}
            Held::At(from) if self.note => {
                self.keys
                    .push((index, at.off, from.saturating_add(at.off), at.size));
            }
            Held::At(_) => {}
            Held::Perhaps => self.lose(base),
        }
    }

    fn pin(&mut self, at: Place, base: Held) {
        match base {
            Held::Other => {}
            Held::At(from) => self.pinned.push((from.saturating_add(at.off), at.size)),
            Held::Perhaps => self.lose(base),
        }
    }

    /// Somebody may reach all of the frame from now on.
    fn lose(&mut self, held: Held) {
        match held {
            Held::Other => {}
            Held::At(_) | Held::Perhaps => self.escaped = -FRAME,
        }
    }

    fn hand_to_helper(&mut self, held: Held) {
        match held {
            Held::At(from) if !self.flow.calls_back => self.escaped = self.escaped.min(from),
            Held::Other | Held::At(_) | Held::Perhaps => self.lose(held),
        }
    }

    /// What may be promoted, and what must be cleared of the `used` bytes.
    fn slots(&self, used: i32) -> Slots {
        let range = |(off, size): (i32, Size)| (off, off.saturating_add(size.bytes() as i32));
        let overlap = |a, b| {
            let ((a_from, a_end), (b_from, b_end)) = (range(a), range(b));
            a_from < b_end && b_from < a_end
        };
        let within = |inner, outer| {
            let ((from, end), (outer_from, outer_end)) = (range(inner), range(outer));
            outer_from <= from && end <= outer_end
        };
        let keys: BTreeSet<(i32, Size)> = self
            .keys
            .iter()
            .map(|(_, _, off, size)| (*off, *size))
            .collect();
        let accesses = self.accesses.iter().map(|(_, off, size)| (*off, *size));
        let places: BTreeSet<(i32, Size)> = accesses.chain(keys.iter().copied()).collect();
        let is_slot = |place: (i32, Size)| {
            let (from, end) = range(place);
            let agreed = |other: &(i32, Size)| match keys.contains(&place) {
                true => within(*other, place) || !overlap(*other, place),
                false => *other == place || !overlap(*other, place),
            };
            from >= -FRAME
                && end <= self.escaped
                && places.iter().all(agreed)
                && !self.pinned.iter().any(|pinned| overlap(*pinned, place))
        };
        let promoted: Vec<_> = places
            .iter()
            .copied()
            .filter(|place| is_slot(*place))
            .collect();
        let slot_of = |place| promoted.iter().position(|slot| within(place, *slot));
        let part_of = |off: i32, size: Size| {
            let slot = slot_of((off, size))?;
            let (from, whole) = promoted.get(slot)?;
            Some(Part {
                slot,
                shift: off.abs_diff(*from) * 8,
                of: if size == *whole {
                    Whole::Yes
                } else {
                    Whole::No
                },
            })
        };
        let of_op = self
            .accesses
            .iter()
            .filter_map(|(index, off, size)| Some((*index, part_of(*off, *size)?)));
        let of_key = self
            .keys
            .iter()
            .filter_map(|(index, at, off, size)| Some(((*index, *at), part_of(*off, *size)?)));
        let in_memory = places.iter().filter(|place| slot_of(**place).is_none());
        let mut cleared: BTreeSet<i32> = words(self.escaped.max(-used), 0).collect();
        for place in in_memory.chain(&self.pinned) {
            let (from, end) = range(*place);
            cleared.extend(words(from, end).filter(|word| *word >= -FRAME && *word < 0));
        }
        Slots {
            of_op: of_op.collect(),
            of_key: of_key.collect(),
            count: promoted.len(),
            cleared: cleared.into_iter().collect(),
        }
    }
}

/// What `held op imm` points to.
fn moved(op: AluOp, held: Held, imm: u64) -> Held {
    let near = i32::try_from(imm as i64).ok();
    match (op, held, near) {
        (AluOp::Mov, _, _) | (_, Held::Other, _) => Held::Other,
        (AluOp::Add, Held::At(from), Some(by)) => Held::At(from.saturating_add(by)),
        (AluOp::Sub, Held::At(from), Some(by)) => Held::At(from.saturating_sub(by)),
        (_, Held::At(_) | Held::Perhaps, _) => Held::Perhaps,
    }
}

/// Calls leave nothing in `r0` to `r5` that points into the frame.
fn after_call(held: &mut Held11) {
    held.iter_mut().take(6).for_each(|held| *held = Held::Other);
}
