//! The lines of the kernel's log that follow a walk back.
//!
//! Nothing is decided here.

use std::fmt::Write as _;

use super::super::explore::Verifier;
use super::super::state::StateId;
use super::{Wanted, bits};
use crate::isa::Pc;

/// A step that was walked over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    pub(super) pc: Pc,
    /// The frame of the step that ran after it.
    pub(super) frame: u8,
    /// What was wanted after it.
    pub(super) wanted: Wanted,
}

impl Verifier<'_> {
    /// The instruction that the steps after a checkpoint begin with.
    pub(super) fn first_of(&self, checkpoint: Option<StateId>) -> Pc {
        checkpoint.map_or(self.start, |id| self.stored[id.index()].pc)
    }

    /// The last instruction before a checkpoint; where none ran, its own.
    pub(super) fn last_of(&self, id: StateId) -> Pc {
        let stored = &self.stored[id.index()];
        stored
            .state
            .history
            .last()
            .map_or(stored.pc, |step| step.pc)
    }

    /// Says which steps are walked over next.
    pub(super) fn log_walk(&mut self, frame: usize, last: Pc, first: Pc, later: Option<Pc>) {
        if !self.log.holds_all() {
            return;
        }
        let later = later.map_or_else(|| "-1".to_owned(), |pc| pc.to_string());
        self.log.line(&format!(
            "mark_precise: frame{frame}: last_idx {last} first_idx {first} subseq_idx {later} "
        ));
    }

    /// Says which steps were walked over.
    pub(super) fn log_passed(&mut self, passed: &mut Option<Vec<Passed>>) {
        for Passed { pc, frame, wanted } in passed.iter_mut().flat_map(std::mem::take) {
            let Some(insn) = self.insns.get(pc.index()) else {
                continue;
            };
            let text = format!(
                "mark_precise: frame{frame}: {} before {}",
                wanted.text_of(frame),
                self.insn_text(pc, insn)
            );
            self.log.line(&text);
        }
    }

    /// Says what is still wanted at a checkpoint.
    pub(super) fn log_checkpoint(&mut self, id: StateId, wanted: &Wanted) {
        if !self.log.holds_all() {
            return;
        }
        let frames = self.stored[id.index()].state.frames.len();
        for frame in (0..frames).rev() {
            let number = super::super::state::frame_number(frame);
            let state = self.state_text(&self.stored[id.index()].state, frame);
            let text = format!(
                "mark_precise: frame{frame}: parent state {}: {state}",
                wanted.text_of(number)
            );
            self.log.line(&text);
        }
    }
}

impl Wanted {
    /// What is wanted of a frame.
    fn text_of(&self, frame: u8) -> String {
        let mut text = String::from("regs=");
        let mut separator = "";
        for reg in bits(u64::from(self.regs[usize::from(frame)])) {
            let _ = write!(text, "{separator}r{reg}");
            separator = ",";
        }
        text.push_str(" stack=");
        separator = "";
        for slot in bits(self.slots[usize::from(frame)]) {
            let _ = write!(text, "{separator}-{}", (u32::from(slot) + 1) * 8);
            separator = ",";
        }
        text
    }
}
