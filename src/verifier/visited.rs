//! Comparing a state with those that were explored at the same instruction, and storing it there.
//!
//! When one state covers another is in [`super::prune`]; here stands with which it is compared, when
//! a loop makes no progress, and which states are worth storing and keeping.
//!
//! Kernel: `is_state_visited`, `get_loop_entry` and `update_loop_entry` in kernel/bpf/verifier.c, 6.12.

use crate::isa::{CallTarget, Insn};

use super::cfg::calls_back;
use super::explore::{Stored, Verifier};
use super::fail::{Check, Fail};
use super::prune::Precision;
use super::state::StateId;

/// After that many noted steps without a checkpoint the kernel stores one at the next prune point.
const MAX_NOTED_STEPS: u32 = 40;

/// As many states are stored at one instruction without `CAP_BPF` (`BPF_COMPLEXITY_LIMIT_STATES`).
const MAX_UNPRIVILEGED_STATES: usize = 64;

impl Verifier<'_> {
    /// Compares the current state with those that were explored here, and stores it if it is new.
    pub(super) fn compare_states(&mut self) -> Check<Compared> {
        let pc = self.pc;
        let forced = self.rights.stores_often
            || self.flow.force[pc.index()]
            || self.cur.noted_steps > MAX_NOTED_STEPS;
        let processed = self.stats.insns_processed;
        let mut store = forced
            || (self.jumps_processed - self.jumps_at_checkpoint >= 2
                && processed - self.insns_at_checkpoint >= 8);
        let mut candidates = std::mem::take(&mut self.explored[pc.index()]);
        let mut verdict = Ok(Compared::New);
        let mut compared = 0;
        // The latest first: they are the likeliest to be equal, and what is not reached is not
        // counted as missed.
        for index in (0..candidates.len()).rev() {
            let id = candidates[index];
            if self.stored[id.index()].state.frame().callsite != self.cur.frame().callsite {
                continue;
            }
            compared += 1;
            match self.compare_with(id, &mut store, forced) {
                Ok(Against::Equal) => {
                    verdict = Ok(Compared::Covered);
                    break;
                }
                Ok(Against::Different) if !store || self.is_worth_keeping(id) => {}
                Ok(Against::Different) => {
                    candidates.remove(index);
                }
                Err(fail) => {
                    verdict = Err(fail);
                    break;
                }
            }
        }
        self.explored[pc.index()] = candidates;
        // What the path ends at is not counted.
        if matches!(verdict, Ok(Compared::New)) {
            self.stats.max_states_per_insn = self.stats.max_states_per_insn.max(compared as u64);
        }
        let has_room = self.rights.is_capable || compared <= MAX_UNPRIVILEGED_STATES;
        if matches!(verdict, Ok(Compared::New)) && store && has_room {
            self.checkpoint();
        }
        verdict
    }

    /// Compares the current state with one that was explored here.
    fn compare_with(&mut self, id: StateId, store: &mut bool, forced: bool) -> Check<Against> {
        if self.stored[id.index()].branches > 0 {
            return self.compare_with_ancestor(id, store, forced);
        }
        // What mattered in a loop is not known before all of the loop has been explored.
        let entry = self.loop_entry_of(id);
        let open = entry.filter(|entry| self.stored[entry.index()].branches > 0);
        let precision = match open {
            Some(_) => Precision::RangeWithin,
            None if self.recording.is_some() => Precision::RangeWithin,
            None => Precision::Tracked,
        };
        if !self.states_equal(id, precision) {
            return Ok(Against::Different);
        }
        if let Some(entry) = open {
            self.join_loop(entry);
        }
        Ok(self.converged(id))
    }

    /// Compares with a state that the current path has passed: a loop.
    fn compare_with_ancestor(
        &mut self,
        id: StateId,
        store: &mut bool,
        forced: bool,
    ) -> Check<Against> {
        let pc = self.pc;
        let insn = self.insns[pc.index()];
        let old = &self.stored[id.index()].state;
        let same_may_goto = old.may_goto_depth == self.cur.may_goto_depth;
        let same_callbacks = old.callback_depth == self.cur.callback_depth;
        let same_iterators = !self.iterators_advanced(id);
        let is_may_goto = matches!(insn, Insn::MayGoto { .. });
        if is_may_goto && !same_may_goto && self.states_equal(id, Precision::RangeWithin) {
            self.join_loop(id);
            return Ok(self.converged(id));
        }
        let by_helper =
            matches!(insn, Insn::Call(CallTarget::Helper(number)) if calls_back(number));
        if by_helper || self.kfuncs.calls_back(&insn) {
            if self.states_equal(id, Precision::RangeWithin) {
                return Ok(self.converged(id));
            }
        } else if self.kfuncs.is_iter_next(&insn) {
            if self.states_equal(id, Precision::RangeWithin) && self.iterator_is_active() {
                self.join_loop(id);
                return Ok(self.converged(id));
            }
        } else if self.cur.frame().async_depth == self.stored[id.index()].state.frame().async_depth
            && same_may_goto
            && same_callbacks
            && same_iterators
            && self.maybe_looping(id)
            && self.states_equal(id, Precision::Exact)
        {
            return Err(self.endless(id));
        }
        let few_jumps = self.jumps_processed - self.jumps_at_checkpoint < 20;
        let few_insns = self.stats.insns_processed - self.insns_at_checkpoint < 100;
        if !forced && few_jumps && few_insns {
            *store = false;
        }
        Ok(Against::Different)
    }

    /// The refusal of a loop that comes back to an earlier state.
    fn endless(&self, id: StateId) -> Fail {
        let top = self.cur.top();
        let cur = self.state_text(&self.cur, top);
        let old = self.state_text(&self.stored[id.index()].state, top);
        let mut fail = Fail::invalid(format!("infinite loop detected at insn {}", self.pc));
        fail.appendix = Some(format!("cur state:{cur}\nold state:{old}"));
        fail
    }

    /// The outermost loop that a stored state is known to be part of.
    pub(super) fn loop_entry_of(&mut self, id: StateId) -> Option<StateId> {
        let entry = self.stored[id.index()].state.loop_entry?;
        let outermost = self.outermost(entry);
        self.stored[id.index()].state.loop_entry = Some(outermost);
        Some(outermost)
    }

    /// Where the links from head to head end that begin at this one: all of them lead there from then on, whatever
    /// becomes of those between. A head that was linked to itself is the end of its own, as in Linux.
    fn outermost(&mut self, head: StateId) -> StateId {
        let mut outermost = head;
        while let Some(outer) = self.stored[outermost.index()].state.loop_entry
            && outer != outermost
        {
            outermost = outer;
        }
        let mut at = head;
        while at != outermost
            && let Some(outer) = self.stored[at.index()].state.loop_entry.replace(outermost)
        {
            at = outer;
        }
        outermost
    }

    /// Whether the loop with that head bears on a state at `depth` in the loop of `entry`: it is not
    /// explored already, nor does it lie within the one that is known.
    pub(super) fn encloses(&mut self, head: StateId, entry: Option<StateId>, depth: u32) -> bool {
        let entry = entry.map(|entry| self.outermost(entry));
        let head = self.loop_entry_of(head).unwrap_or(head);
        let depth = entry.map_or(depth, |entry| self.stored[entry.index()].state.depth);
        let stored = &self.stored[head.index()];
        stored.branches > 0 && stored.state.depth <= depth
    }

    /// The current state is part of the loop with that head.
    fn join_loop(&mut self, head: StateId) {
        let (entry, depth) = (self.cur.loop_entry, self.cur.depth);
        self.cur.loop_entry = entry.map(|entry| self.outermost(entry));
        if self.encloses(head, entry, depth) {
            self.cur.loop_entry = Some(head);
        }
    }

    /// An earlier state covers the current one.
    fn converged(&mut self, id: StateId) -> Against {
        self.stored[id.index()].hits += 1;
        self.propagate_liveness(id);
        self.propagate_precision(id);
        Against::Equal
    }

    /// Whether a state has been useful often enough to be compared with further.
    fn is_worth_keeping(&mut self, id: StateId) -> bool {
        let forced = self.flow.force[self.pc.index()];
        let stored = &mut self.stored[id.index()];
        stored.misses += 1;
        let allowance = if forced && stored.branches > 0 { 64 } else { 3 };
        if stored.misses <= stored.hits * allowance + allowance {
            return true;
        }
        stored.compared = false;
        if stored.branches == 0 {
            self.forget(id);
        }
        false
    }

    /// Frees a state that is neither compared with nor continued any more.
    pub(super) fn forget(&mut self, id: StateId) {
        let state = &mut self.stored[id.index()].state;
        state.frames = Vec::new();
        state.refs = Vec::new();
        self.kept_states -= 1;
    }

    /// Stores the current state; it becomes the parent of what follows.
    fn checkpoint(&mut self) {
        self.jumps_at_checkpoint = self.jumps_processed;
        self.insns_at_checkpoint = self.stats.insns_processed;
        let id = StateId(u32::try_from(self.stored.len()).unwrap_or(u32::MAX));
        self.cur
            .for_each_register(|register| register.precise = false);
        let state = self.cur.clone();
        self.stored.push(Stored {
            state,
            pc: self.pc,
            branches: 1,
            hits: 0,
            misses: 0,
            compared: true,
        });
        self.cur.parent = Some(id);
        self.cur.depth += 1;
        self.cur.history.clear();
        self.cur.links.clear();
        self.cur.noted_steps = 0;
        for frame in &mut self.cur.frames {
            frame.returned_from = None;
            frame
                .regs
                .iter_mut()
                .for_each(|register| register.live = Default::default());
            frame
                .stack
                .iter_mut()
                .for_each(|slot| slot.spilled.live = Default::default());
        }
        let here = &mut self.explored[self.pc.index()];
        here.push(id);
        self.stats.total_states += 1;
        self.kept_states += 1;
        self.stats.peak_states = self.stats.peak_states.max(self.kept_states);
    }
}

/// Whether the current state is covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    New,
    Covered,
}

/// How one earlier state compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Against {
    Equal,
    Different,
}
