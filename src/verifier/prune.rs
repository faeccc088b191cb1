//! When an explored state covers the current one, and what follows from it.
//!
//! A state covers another when every run from the other is a run from it: what the explored paths
//! never read may differ, numbers that never mattered may differ, and what did matter must lie
//! within the old range. Ids are compared as a bijection.
//!
//! Kernel: `states_equal`, `regsafe`, `stacksafe`, `propagate_liveness` in kernel/bpf/verifier.c, 6.12.

use crate::isa::Reg;

use super::explore::Verifier;
use super::privilege::Rights;
use super::state::{
    ADD_CONST, Frame, Kind, Live, Lock, Place, Register, Slot, SlotByte, State, StateId,
};

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// Only those that mattered on the explored paths, within range.
    Tracked,
    /// All, within range: for loops that are known to end.
    RangeWithin,
    /// All, exactly: to tell that a loop makes no progress.
    Exact,
}

/// Pairs of ids that stand for each other.
#[derive(Default)]
pub(super) struct IdMap(Vec<(u32, u32)>);

impl IdMap {
    /// Whether `old` and `cur` stand, or may from now on stand, for each other.
    pub(super) fn check(&mut self, old: u32, cur: u32) -> bool {
        if (old == 0) != (cur == 0) {
            return false;
        }
        if old == 0 {
            return true;
        }
        for (a, b) in &self.0 {
            if *a == old || *b == cur {
                return (*a, *b) == (old, cur);
            }
        }
        self.0.push((old, cur));
        true
    }

    /// For numbers: an old number without id makes no demand, a current one without an id is only
    /// equal to itself.
    fn check_scalar(&mut self, old: u32, cur: u32, fresh: &mut u32) -> bool {
        if old == 0 {
            return true;
        }
        let cur = if cur == 0 {
            *fresh = fresh.wrapping_sub(1);
            *fresh
        } else {
            cur
        };
        self.check(old, cur)
    }
}

/// One comparison of two states.
struct Comparison {
    precision: Precision,
    rights: Rights,
    /// Whether masks hang on numbers, so that they must be the same.
    explores_limits: bool,
    ids: IdMap,
    /// Stand-ins for numbers without id, counted down from the top.
    fresh: u32,
}

impl Comparison {
    fn registers(&mut self, old: &Register, cur: &Register) -> bool {
        let exact = self.precision == Precision::Exact;
        if !old.live.read && self.precision == Precision::Tracked {
            return true;
        }
        if old.kind == Kind::Uninit {
            return self.precision == Precision::Tracked || cur.kind == Kind::Uninit;
        }
        if cur.kind == Kind::Uninit || old.kind != cur.kind || old.maybe_null != cur.maybe_null {
            return false;
        }
        if exact {
            return self.exactly(old, cur);
        }
        match old.kind {
            Kind::Scalar => self.scalars(old, cur),
            Kind::MapValue(_) | Kind::MapKey(_) | Kind::Mem(..) | Kind::Buf(_) => {
                // Linux compares which dynptr it is by its number.
                old.off == cur.off
                    && old.dynptr_id == cur.dynptr_id
                    && old.value.includes(&cur.value)
                    && self.ids.check(old.id, cur.id)
                    && self.ids.check(old.ref_id, cur.ref_id)
            }
            Kind::Packet | Kind::PacketMeta => {
                old.range <= cur.range
                    && old.off == cur.off
                    && self.ids.check(old.id, cur.id)
                    && old.value.includes(&cur.value)
            }
            Kind::Arena => true,
            Kind::Uninit
            | Kind::Ctx
            | Kind::Map(_)
            | Kind::Stack(_)
            | Kind::PacketEnd
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Btf(..) => self.exactly(old, cur),
        }
    }

    fn scalars(&mut self, old: &Register, cur: &Register) -> bool {
        if self.explores_limits {
            return old.value == cur.value
                && old.off == cur.off
                && self.ids.check_scalar(old.id, cur.id, &mut self.fresh);
        }
        let is_precise = old.precise || !self.rights.is_capable;
        if !is_precise && self.precision == Precision::Tracked {
            return true;
        }
        let sum = |register: &Register| (register.id & ADD_CONST != 0).then_some(register.off);
        if sum(old) != sum(cur) {
            return false;
        }
        old.value.includes(&cur.value) && self.ids.check_scalar(old.id, cur.id, &mut self.fresh)
    }

    fn exactly(&mut self, old: &Register, cur: &Register) -> bool {
        old.off == cur.off
            && old.range == cur.range
            && old.dynptr_id == cur.dynptr_id
            && old.value == cur.value
            && self.ids.check(old.id, cur.id)
            && self.ids.check(old.ref_id, cur.ref_id)
    }

    fn locks(&mut self, old: Option<Lock>, cur: Option<Lock>) -> bool {
        match (old, cur) {
            (Some(old), Some(cur)) => old.place == cur.place && self.ids.check(old.id, cur.id),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    fn frames(&mut self, old: &Frame, cur: &Frame) -> bool {
        if old.callback_depth > cur.callback_depth {
            return false;
        }
        Reg::all().all(|reg| self.registers(old.reg(reg), cur.reg(reg))) && self.stacks(old, cur)
    }

    fn stacks(&mut self, old: &Frame, cur: &Frame) -> bool {
        let nothing = Slot::invalid();
        let longest = match self.precision {
            Precision::Exact => old.stack.len().max(cur.stack.len()),
            Precision::Tracked | Precision::RangeWithin => old.stack.len(),
        };
        (0..longest).all(|index| {
            let old_slot = old.stack.get(index).unwrap_or(&nothing);
            let cur_slot = cur.stack.get(index).unwrap_or(&nothing);
            self.slots(old_slot, cur_slot)
        })
    }

    fn slots(&mut self, old: &Slot, cur: &Slot) -> bool {
        if self.precision == Precision::Exact {
            return old.bytes == cur.bytes
                && self.iterators(old, cur)
                && self.dynptrs(old, cur)
                && (!old.is_spill() || self.registers(&old.spilled, &cur.spilled));
        }
        if !old.spilled.live.read && self.precision == Precision::Tracked {
            return true;
        }
        // A spilled number whose value is of no interest is as good as plain data, and the reverse.
        if let (Some(old), Some(cur)) = (self.scalar_of(old), self.scalar_of(cur)) {
            return self.registers(&old, &cur);
        }
        // In loops the kernel wants the same kinds of bytes, whoever reads them.
        let same_bytes = self.precision == Precision::Tracked || old.bytes == cur.bytes;
        if !same_bytes || !self.iterators(old, cur) || !self.dynptrs(old, cur) {
            return false;
        }
        let bytes_fit = old
            .bytes
            .iter()
            .zip(&cur.bytes)
            .all(|(old, cur)| self.byte_covers(*old, *cur));
        bytes_fit && (!old.is_spill() || self.registers(&old.spilled, &cur.spilled))
    }
}

impl Comparison {
    /// How many elements an iterator has yielded makes no difference, or no loop would converge.
    fn iterators(&mut self, old: &Slot, cur: &Slot) -> bool {
        let Some(old) = old.iter else { return true };
        cur.iter.is_some_and(|cur| {
            old.ty == cur.ty
                && old.progress == cur.progress
                && old.guard == cur.guard
                && self.ids.check(old.ref_id, cur.ref_id)
        })
    }

    /// Which dynptr it is makes no difference, only what it points to.
    fn dynptrs(&mut self, old: &Slot, cur: &Slot) -> bool {
        let Some((old, old_half)) = old.dynptr else {
            return true;
        };
        cur.dynptr.is_some_and(|(cur, cur_half)| {
            old.ty == cur.ty && old_half == cur_half && self.ids.check(old.ref_id, cur.ref_id)
        })
    }

    /// The number that a load of the whole slot would give, if it would give one.
    fn scalar_of(&self, slot: &Slot) -> Option<Register> {
        if slot.is_full_spill() && slot.spilled.is_scalar() {
            return Some(slot.spilled);
        }
        let data = |byte: &SlotByte| {
            let is_uninit = *byte == SlotByte::Invalid && self.rights.may_read_uninit;
            is_uninit || *byte == SlotByte::Misc
        };
        let unknown = slot.bytes.iter().all(data) && slot.bytes.contains(&SlotByte::Misc);
        unknown.then(|| Register::unknown().with_live(slot.spilled.live))
    }

    /// Whether an old byte that some path read covers a current one.
    fn byte_covers(&self, old: SlotByte, cur: SlotByte) -> bool {
        match old {
            SlotByte::Invalid => true,
            // Who may read what was never written has nothing to ask of data.
            SlotByte::Misc if self.rights.may_read_uninit => true,
            SlotByte::Misc => matches!(cur, SlotByte::Misc | SlotByte::Zero),
            SlotByte::Zero | SlotByte::Spill | SlotByte::Iter | SlotByte::Dynptr => old == cur,
        }
    }
}

/// Whether two states stand in the same chain of calls.
fn same_calls(old: &State, cur: &State) -> bool {
    let mut frames = old.frames.iter().zip(&cur.frames);
    old.frames.len() == cur.frames.len() && frames.all(|(a, b)| a.callsite == b.callsite)
}

impl Verifier<'_> {
    /// Whether the stored state covers the current one.
    pub(super) fn states_equal(&self, id: StateId, precision: Precision) -> bool {
        let old = &self.stored[id.index()].state;
        let cur = &self.cur;
        let mut comparison = Comparison {
            precision,
            rights: self.rights,
            explores_limits: self.explores_limits,
            ids: IdMap::default(),
            fresh: u32::MAX,
        };
        if !same_calls(old, cur)
            || old.speculative && !cur.speculative
            || old.refs.len() != cur.refs.len()
            || old.rcu_locked != cur.rcu_locked
            || old.preempt_disabled != cur.preempt_disabled
            || old.in_work != cur.in_work
            || !comparison.locks(old.lock, cur.lock)
        {
            return false;
        }
        let references_match = old
            .refs
            .iter()
            .zip(&cur.refs)
            .all(|(a, b)| comparison.ids.check(a.id, b.id));
        references_match
            && old
                .frames
                .iter()
                .zip(&cur.frames)
                .all(|(old, cur)| comparison.frames(old, cur))
    }

    /// A quick test before the exact one: registers of the running frame the same to the letter,
    /// ids included. A number with a new id in every pass is not taken for a loop, as in Linux.
    pub(super) fn maybe_looping(&self, id: StateId) -> bool {
        let old = self.stored[id.index()].state.frame();
        let cur = self.cur.frame();
        let same = |a: &Register, b: &Register| {
            a.with_live(Live::default())
                == Register {
                    precise: a.precise,
                    ..*b
                }
                .with_live(Live::default())
        };
        old.regs.iter().zip(&cur.regs).all(|(a, b)| same(a, b))
    }

    /// Marks as read, on the current path, what the paths from the stored state read.
    pub(super) fn propagate_liveness(&mut self, id: StateId) {
        let mut read = Vec::new();
        for (frame_index, frame) in self.stored[id.index()].state.frames.iter().enumerate() {
            let number = super::state::frame_number(frame_index);
            for reg in Reg::all() {
                if frame.reg(reg).live.read {
                    read.push(Place::Reg(number, reg));
                }
            }
            for (index, slot) in frame.stack.iter().enumerate() {
                if slot.spilled.live.read {
                    read.push(Place::Slot(number, u8::try_from(index).unwrap_or(u8::MAX)));
                }
            }
        }
        for place in read {
            self.mark_read(place);
        }
    }

    /// Marks a place as read in every checkpoint back to where it was written.
    pub(super) fn mark_read(&mut self, place: Place) {
        let (Place::Reg(frame, _) | Place::Slot(frame, _)) = place;
        let frame_index = usize::from(frame);
        let Some(frame) = self.cur.frames.get_mut(frame_index) else {
            return;
        };
        let mut at = Origin {
            place,
            frame: frame_index,
            activation: frame.activation,
        };
        if live_at(frame, place).is_none_or(|live| live.written) {
            return;
        }
        at.follow(frame);
        let mut parent = self.cur.parent;
        let mut marked = 0;
        while let Some(id) = parent {
            let stored = &mut self.stored[id.index()].state;
            parent = stored.parent;
            let Some(frame) = stored.frames.get_mut(at.frame) else {
                return;
            };
            if frame.activation != at.activation {
                return;
            }
            let Some(live) = live_at(frame, at.place) else {
                return;
            };
            if std::mem::replace(&mut live.read, true) {
                return;
            }
            marked += 1;
            self.stats.longest_mark_read = self.stats.longest_mark_read.max(marked);
            if live.written {
                return;
            }
            at.follow(frame);
        }
    }
}

/// Where the content of a place was at a checkpoint.
#[derive(Clone, Copy, Debug)]
struct Origin {
    place: Place,
    frame: usize,
    activation: u32,
}

impl Origin {
    /// Goes on to the checkpoint before the state of this frame: what a function returned was its own there.
    fn follow(&mut self, frame: &Frame) {
        let is_result = matches!(self.place, Place::Reg(_, Reg::R0));
        if let (true, Some((index, activation))) = (is_result, frame.returned_from) {
            *self = Origin {
                place: Place::Reg(super::state::frame_number(index), Reg::R0),
                frame: index,
                activation,
            };
        }
    }
}

/// The use marks of a place; a stack slot is made if it is not there, for it may be read unwritten.
fn live_at(frame: &mut Frame, place: Place) -> Option<&mut Live> {
    match place {
        Place::Reg(_, reg) => Some(&mut frame.regs[reg.index()].live),
        Place::Slot(_, slot) => {
            frame.grow(usize::from(slot));
            Some(&mut frame.stack[usize::from(slot)].spilled.live)
        }
    }
}
