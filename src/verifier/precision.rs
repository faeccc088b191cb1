//! Which numbers must match exactly when states are compared: found by walking back.
//!
//! Most numbers never decide anything, and states that differ in them alone are the same. When one
//! does decide something (an offset, a size, the way a branch goes), [`Verifier::mark_precise`]
//! walks back over the executed instructions to every register and stack slot that it was computed
//! from, and marks those precise in the checkpoints it passes.
//!
//! The walk keeps a set of wanted places. One rule per instruction shape says how the set before
//! the instruction follows from the set after it; the rules stand in the order of [`Insn`].
//!
//! Kernel: `__mark_chain_precision` and `backtrack_insn` in kernel/bpf/verifier.c, 6.12.

use crate::isa::{AluOp, AtomicOp, CallTarget, Fetch, Insn, Operand, Reg};

mod trace;

use super::explore::Verifier;
use super::state::{MAX_FRAMES, Place, State, StateId, Step, frame_number};
use trace::Passed;

/// The registers and slots that are wanted, as a bit each, by frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    regs: [u16; MAX_FRAMES],
    slots: [u64; MAX_FRAMES],
    /// Whether the walk has come to what it cannot follow.
    is_lost: bool,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.regs == [0; MAX_FRAMES] && self.slots == [0; MAX_FRAMES]
    }

    fn has(&self, place: Place) -> bool {
        match place {
            Place::Reg(frame, reg) => self.regs[usize::from(frame)] & bit16(reg) != 0,
            Place::Slot(frame, slot) => self.slots[usize::from(frame)] & bit64(slot) != 0,
        }
    }

    fn add(&mut self, place: Place) {
        match place {
            Place::Reg(_, Reg::FP) => {}
            Place::Reg(frame, reg) => self.regs[usize::from(frame)] |= bit16(reg),
            Place::Slot(frame, slot) => self.slots[usize::from(frame)] |= bit64(slot),
        }
    }

    /// Drops a place and says whether it was wanted.
    fn take(&mut self, place: Place) -> bool {
        let had = self.has(place);
        match place {
            Place::Reg(frame, reg) => self.regs[usize::from(frame)] &= !bit16(reg),
            Place::Slot(frame, slot) => self.slots[usize::from(frame)] &= !bit64(slot),
        }
        had
    }

    /// The places, by frame, registers before slots.
    fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let frames = (0..).zip(self.regs.into_iter().zip(self.slots));
        frames.flat_map(|(frame, (regs, slots))| {
            let regs = bits(u64::from(regs)).filter_map(Reg::new);
            let regs = regs.map(move |reg| Place::Reg(frame, reg));
            regs.chain(bits(slots).map(move |slot| Place::Slot(frame, slot)))
        })
    }
}

/// The numbers of the bits that are set, rising.
fn bits(mut set: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = u8::try_from(set.trailing_zeros())
            .ok()
            .filter(|bit| *bit < 64)?;
        set &= set - 1;
        Some(lowest)
    })
}

fn bit16(reg: Reg) -> u16 {
    1 << reg.number()
}

fn bit64(slot: u8) -> u64 {
    1 << (slot & 63)
}

/// Whether the walk begins with the instruction that asks, which has not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// It does: that one is passed over.
    AtCurrent,
    /// It does not: every step has run.
    AfterLast,
}

impl Verifier<'_> {
    /// Marks the number in a register of the running frame as one that matters.
    pub(super) fn mark_precise(&mut self, reg: Reg) {
        let frame = frame_number(self.cur.top());
        self.mark_places_precise(&[Place::Reg(frame, reg)]);
    }

    /// Marks the numbers at these places of the current state as ones that matter to the
    /// instruction that is being judged.
    pub(super) fn mark_places_precise(&mut self, places: &[Place]) {
        let mut wanted = Wanted::default();
        for place in places {
            let Some(register) = self.cur.at_mut(*place) else {
                continue;
            };
            if register.is_scalar() {
                wanted.add(*place);
            }
        }
        self.walk_back(wanted, Begin::AtCurrent);
    }

    /// Marks, on the current path, what mattered on the paths from a stored state that covers it.
    pub(super) fn propagate_precision(&mut self, id: StateId) {
        let mut places = Vec::new();
        self.stored[id.index()]
            .state
            .for_each_place(|place, register| {
                if register.is_scalar() && register.precise && register.live.read {
                    places.push(place);
                }
            });
        let mut wanted = Wanted::default();
        for place in places {
            let scalar = self
                .cur
                .at_mut(place)
                .filter(|register| register.is_scalar());
            if scalar.is_some() {
                wanted.add(place);
            }
        }
        self.walk_back(wanted, Begin::AfterLast);
    }

    /// Walks back from the current state until nothing is wanted any more.
    fn walk_back(&mut self, mut wanted: Wanted, begin: Begin) {
        // For others every number matters.
        if !self.rights.is_capable {
            return;
        }
        if wanted.is_empty() {
            return;
        }
        let skip = usize::from(begin == Begin::AtCurrent);
        let mut passed = self.log.holds_all().then(Vec::new);
        let first = self.first_of(self.cur.parent);
        self.log_walk(self.cur.top(), self.pc, first, None);
        rewind(self.insns, &self.cur, skip, &mut wanted, &mut passed);
        self.log_passed(&mut passed);
        let (mut parent, mut later) = (self.cur.parent, first);
        while let Some(id) = parent {
            if wanted.is_empty() || wanted.is_lost {
                break;
            }
            let state = &mut self.stored[id.index()].state;
            settle(state, &mut wanted);
            parent = state.parent;
            self.log_checkpoint(id, &wanted);
            if wanted.is_empty() {
                return;
            }
            let first = self.first_of(parent);
            let frame = self.stored[id.index()].state.top();
            self.log_walk(frame, self.last_of(id), first, Some(later));
            let state = &self.stored[id.index()].state;
            rewind(self.insns, state, 0, &mut wanted, &mut passed);
            self.log_passed(&mut passed);
            later = first;
        }
        // What a global function is given comes from nowhere.
        let in_program = self.cur.frames.first().is_some_and(|one| one.subprog == 0);
        if wanted.is_lost || in_program && !wanted.is_empty() {
            self.mark_all_precise();
        }
    }

    /// Marks every number in every checkpoint of the path.
    fn mark_all_precise(&mut self) {
        let mut parent = self.cur.parent;
        while let Some(id) = parent {
            let state = &mut self.stored[id.index()].state;
            state.for_each_register(|register| register.precise |= register.is_scalar());
            parent = state.parent;
        }
    }
}

/// Marks what is wanted in a checkpoint, and drops what needs no further walk.
fn settle(state: &mut State, wanted: &mut Wanted) {
    for place in wanted.places() {
        match state.at_mut(place) {
            Some(register) if register.is_scalar() && !register.precise => register.precise = true,
            _ => {
                wanted.take(place);
            }
        }
    }
}

/// Applies the rules for the steps of one state, latest first.
fn rewind(
    insns: &[Insn],
    state: &State,
    skip: usize,
    wanted: &mut Wanted,
    passed: &mut Option<Vec<Passed>>,
) {
    for (index, step) in state.history.iter().enumerate().rev().skip(skip) {
        if wanted.is_empty() || wanted.is_lost {
            return;
        }
        let later = state.history.get(index + 1).map(|later| later.frame);
        let later = later.unwrap_or(frame_number(state.top()));
        if let Some(passed) = passed {
            passed.push(Passed {
                pc: step.pc,
                frame: later,
                wanted: *wanted,
            });
        }
        if let Some(insn) = insns.get(step.pc.index()) {
            Rewind {
                wanted,
                step: *step,
                links: &state.links,
                later,
            }
            .over(insn);
        }
    }
}

/// The walk over one step.
struct Rewind<'a> {
    wanted: &'a mut Wanted,
    step: Step,
    links: &'a [Vec<Place>],
    /// The frame of the step that ran after this one.
    later: u8,
}

impl Rewind<'_> {
    fn reg(&self, reg: Reg) -> Place {
        Place::Reg(self.step.frame, reg)
    }

    /// One rule per shape.
    fn over(mut self, insn: &Insn) {
        match *insn {
            Insn::Alu { op, dst, src, .. } => self.over_alu(op, dst, src),
            Insn::Neg { .. } | Insn::Endian { .. } => {}
            Insn::MovSx { dst, src, .. } | Insn::AddrSpaceCast { dst, src, .. } => {
                self.over_alu(AluOp::Mov, dst, Operand::Reg(src));
            }
            Insn::LoadImm64 { dst, .. } => {
                self.wanted.take(self.reg(dst));
            }
            Insn::Imm64High => {}
            Insn::Load { dst, .. } => {
                if self.wanted.take(self.reg(dst)) {
                    self.want_slot();
                }
            }
            Insn::Store { base, src, .. } => {
                self.check_base(base);
                self.over_store(src);
            }
            Insn::Atomic { op, base, src, .. } => {
                self.check_base(base);
                self.over_atomic(op, src);
            }
            Insn::LegacyLoad { .. } => self.over_legacy_load(),
            Insn::Jump { .. } | Insn::MayGoto { .. } => {}
            Insn::JumpIf { dst, src, .. } => self.over_jump_if(dst, src),
            Insn::Call(target) => self.over_call(target),
            Insn::Exit => self.over_exit(),
        }
    }

    fn over_alu(&mut self, op: AluOp, dst: Reg, src: Operand) {
        if !self.wanted.has(self.reg(dst)) {
            return;
        }
        if op == AluOp::Mov {
            self.wanted.take(self.reg(dst));
        }
        if let Operand::Reg(src) = src {
            self.wanted.add(self.reg(src));
        }
    }

    /// The slot that a load filled its register from.
    fn want_slot(&mut self) {
        if let Some((frame, slot)) = self.step.slot {
            self.wanted.add(Place::Slot(frame, slot));
        }
    }

    /// A wanted register that is stored through is no number: the walk came here through the
    /// difference of two pointers, and knows no more what it follows.
    fn check_base(&mut self, base: Reg) {
        self.wanted.is_lost |= self.wanted.has(self.reg(base));
    }

    fn over_store(&mut self, src: Operand) {
        let Some((frame, slot)) = self.step.slot else {
            return;
        };
        if self.wanted.take(Place::Slot(frame, slot))
            && let Operand::Reg(src) = src
        {
            self.wanted.add(self.reg(src));
        }
    }

    fn over_atomic(&mut self, op: AtomicOp, src: Reg) {
        match op {
            AtomicOp::Add(Fetch::No)
            | AtomicOp::Or(Fetch::No)
            | AtomicOp::And(Fetch::No)
            | AtomicOp::Xor(Fetch::No) => {}
            AtomicOp::Add(Fetch::Yes)
            | AtomicOp::Or(Fetch::Yes)
            | AtomicOp::And(Fetch::Yes)
            | AtomicOp::Xor(Fetch::Yes)
            | AtomicOp::Xchg => {
                self.wanted.take(self.reg(src));
            }
            AtomicOp::Cmpxchg => {
                self.wanted.take(self.reg(Reg::R0));
            }
        }
        if let Some((frame, slot)) = self.step.slot {
            self.wanted.take(Place::Slot(frame, slot));
        }
    }

    fn over_jump_if(&mut self, dst: Reg, src: Operand) {
        // What was refined with an operand stands for it, and an operand for what was refined.
        self.want_linked();
        if let Operand::Reg(src) = src
            && (self.wanted.has(self.reg(dst)) || self.wanted.has(self.reg(src)))
        {
            self.wanted.add(self.reg(dst));
            self.wanted.add(self.reg(src));
        }
        self.want_linked();
    }

    /// Of the places that the branch refined together, all are wanted if one is.
    fn want_linked(&mut self) {
        let linked = self
            .step
            .link
            .and_then(|index| self.links.get(index as usize));
        let Some(linked) = linked else { return };
        if linked.iter().any(|place| self.wanted.has(*place)) {
            linked.iter().for_each(|place| self.wanted.add(*place));
        }
    }

    /// `r0` to `r5` after a call come from nowhere.
    fn clobbered(&mut self) {
        for reg in [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            self.wanted.take(self.reg(reg));
        }
    }

    /// A call is walked over in two ways: from the frame that it started, at its first
    /// instruction, or from the caller's next, when it started none.
    fn over_call(&mut self, target: CallTarget) {
        if self.later <= self.step.frame {
            self.clobbered();
            return;
        }
        let callee = self.later;
        let local = matches!(target, CallTarget::Local(_));
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            if self.wanted.take(Place::Reg(callee, reg)) && local {
                self.wanted.add(self.reg(reg));
            }
        }
        self.wanted.regs[usize::from(callee)] = 0;
        self.wanted.slots[usize::from(callee)] = 0;
    }

    /// Back into a function that has returned: what the caller wants of `r0` it computed.
    /// A load that failed has returned 0 from its function.
    fn over_legacy_load(&mut self) {
        if self.later >= self.step.frame {
            self.clobbered();
            return;
        }
        for reg in [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            self.wanted.take(Place::Reg(self.later, reg));
        }
    }

    fn over_exit(&mut self) {
        let Some(caller) = self.step.frame.checked_sub(1) else {
            return;
        };
        if self.step.called_back {
            return;
        }
        let wanted = self.wanted.take(Place::Reg(caller, Reg::R0));
        for reg in [Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5] {
            self.wanted.take(Place::Reg(caller, reg));
        }
        if wanted {
            self.wanted.add(self.reg(Reg::R0));
        }
    }
}
