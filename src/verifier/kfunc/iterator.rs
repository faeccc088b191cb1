//! Open-coded iterators: their state on the stack, and the two ways on from each `next`.
//!
//! An iterator lies in stack slots of its own from its `new` to its `destroy`. Each `next` may yield an element, on a
//! branch that is left for later, or none, and then the iterator is drained. Loops end since states at a `next`
//! are compared with ranges alone, and numbers that two passes do not agree on and that never mattered are forgotten.
//!
//! Kernel: `process_iter_arg`, `process_iter_next_call`, `mark_stack_slots_iter`, `is_iter_reg_valid_init` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::kfuncs::flag;
use crate::abi::{AttachType, ProgType};
use crate::btf::{BtfId, Type};
use crate::isa::{Pc, Reg};

use super::super::explore::Verifier;
use super::super::fail::{Check, Fail};
use super::super::stack::StackRange;
use super::super::state::{
    IterGuard, IterProgress, IterSlot, Kind, MAX_STACK, Place, Register, Slot, SlotByte, StateId,
    frame_number, slot_of,
};
use super::Call;

/// `struct bpf_iter_css_task`, whose lock not every program may take.
const CSS_TASK: &str = "bpf_iter_css_task";

/// Where an iterator lies.
#[derive(Clone, Copy, Debug)]
struct Span {
    frame: usize,
    /// Offset of its lowest address.
    from: i32,
    /// The slot there; the others have lower numbers.
    slot: usize,
    slots: usize,
}

impl Span {
    fn slots(self) -> impl Iterator<Item = usize> {
        (0..self.slots).map(move |above| self.slot.saturating_sub(above))
    }
}

/// The part of a name that messages give: `iter_num` of `bpf_iter_num`.
fn short(name: &str) -> &str {
    name.strip_prefix("bpf_").unwrap_or(name)
}

impl Verifier<'_> {
    /// Judges the iterator that a call is given, and starts or ends it.
    pub(super) fn check_iterator(
        &mut self,
        call: &mut Call,
        index: usize,
        reg: Reg,
        ty: BtfId,
    ) -> Check {
        let register = *self.cur.reg(reg);
        let name = self.kernel_btf().ty(ty).name().to_owned();
        if name == CSS_TASK && call.kfunc.has(flag::ITER_NEW) && !self.may_lock_css_tasks() {
            return Err(Fail::invalid(
                "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs",
            ));
        }
        let Kind::Stack(_) = register.kind else {
            return Err(Fail::invalid(format!(
                "arg#{index} expected pointer to an iterator on stack"
            )));
        };
        if call.kfunc.has(flag::ITER_NEW) {
            let refusal = || {
                Fail::invalid(format!(
                    "expected uninitialized {} as arg #{index}",
                    short(&name)
                ))
            };
            let span = self.iterator_span(&register, ty, &refusal)?;
            if !self.is_free(span) {
                return Err(refusal());
            }
            return self.start_iterator(call, reg, span, ty);
        }
        let refusal = || {
            Fail::invalid(format!(
                "expected an initialized {} as arg #{index}",
                short(&name)
            ))
        };
        let span = self.iterator_span(&register, ty, &refusal)?;
        let first = self.iterator_in(span, ty).ok_or_else(refusal)?;
        if first.guard == IterGuard::Lost {
            return Err(Fail::invalid(format!(
                "expected an RCU CS when using {}",
                call.kfunc.name
            )));
        }
        self.mark_iterator_read(span);
        call.iter = Some((span.frame, span.slot));
        call.ref_id = first.ref_id;
        if call.kfunc.has(flag::ITER_DESTROY) {
            self.end_iterator(call.kfunc.name, span, first)?;
        }
        Ok(())
    }

    fn may_lock_css_tasks(&self) -> bool {
        let is_iterator = self.program.attach_type == Some(AttachType::TraceIter);
        match self.program.prog_type {
            ProgType::Lsm => true,
            ProgType::Tracing if is_iterator => true,
            _ => self.is_sleepable(),
        }
    }

    /// The slots that an iterator at the pointer takes up.
    fn iterator_span(
        &self,
        pointer: &Register,
        ty: BtfId,
        refusal: &dyn Fn() -> Fail,
    ) -> Check<Span> {
        let Kind::Stack(frame) = pointer.kind else {
            return Err(refusal());
        };
        let Some(var) = pointer.value.const_value() else {
            return Err(because("iter has to be at a constant offset", refusal()));
        };
        let off = i64::from(pointer.off).saturating_add(var.cast_signed());
        let misplaced = || {
            because(
                &format!("cannot pass in iter at an offset={off}"),
                refusal(),
            )
        };
        let size = self.kernel_btf().size_of(ty).unwrap_or(0);
        let slots = usize::try_from(size / 8).map_err(|_| misplaced())?;
        let from = i32::try_from(off).map_err(|_| misplaced())?;
        let (slot, _) = slot_of(from);
        if from % 8 != 0 || from >= 0 || slot + 1 < slots {
            return Err(misplaced());
        }
        let frame = usize::from(frame);
        Ok(Span {
            frame,
            from,
            slot,
            slots,
        })
    }

    fn slot_at(&self, frame: usize, slot: usize) -> Option<&Slot> {
        self.cur.frames.get(frame)?.stack.get(slot)
    }

    /// Whether no iterator lies there yet.
    fn is_free(&self, span: Span) -> bool {
        span.slots().all(|slot| {
            let slot = self.slot_at(span.frame, slot);
            slot.is_none_or(|slot| slot.iter.is_none())
        })
    }

    /// The iterator of that type that lies there.
    fn iterator_in(&self, span: Span, ty: BtfId) -> Option<IterSlot> {
        let mut first = None;
        for slot in span.slots() {
            let iter = self.slot_at(span.frame, slot)?.iter?;
            let is_first = slot == span.slot;
            if iter.ty != ty || is_first != (iter.ref_id != 0) {
                return None;
            }
            first = first.or(Some(iter));
        }
        first
    }

    /// The iterator whose lowest address is in that slot.
    pub(super) fn iterator_at(&self, (frame, slot): (usize, usize)) -> Option<IterSlot> {
        self.slot_at(frame, slot)?.iter
    }

    fn start_iterator(&mut self, call: &Call, reg: Reg, span: Span, ty: BtfId) -> Check {
        if span.from < -MAX_STACK {
            return Err(Fail::access(format!(
                "invalid write to stack R{} off={} size=8",
                reg.number(),
                span.from
            )));
        }
        let size = i32::try_from(span.slots * 8).unwrap_or(MAX_STACK);
        self.use_stack(StackRange {
            frame: span.frame,
            from: span.from,
            to: span.from + size,
        });
        for slot in span.slots() {
            self.overwrite_dynptr(span.frame, slot)?;
        }
        let guard = match (call.kfunc.has(flag::RCU_PROTECTED), self.in_rcu()) {
            (false, _) => IterGuard::None,
            (true, true) => IterGuard::Held,
            (true, false) => IterGuard::Lost,
        };
        let id = self.acquire(self.pc);
        for slot in span.slots() {
            let is_first = slot == span.slot;
            let iter = IterSlot {
                ty,
                progress: IterProgress::Active,
                guard,
                depth: 0,
                ref_id: if is_first { id } else { 0 },
            };
            self.set_slot(span.frame, slot, SlotByte::Iter, Some(iter));
        }
        Ok(())
    }

    fn end_iterator(&mut self, name: &str, span: Span, iter: IterSlot) -> Check {
        self.release(iter.ref_id, name)?;
        for slot in span.slots() {
            self.set_slot(span.frame, slot, SlotByte::Invalid, None);
        }
        Ok(())
    }

    fn set_slot(&mut self, frame: usize, index: usize, byte: SlotByte, iter: Option<IterSlot>) {
        let slot = &mut self.cur.frames[frame].stack[index];
        let mut live = slot.spilled.live;
        live.written = true;
        *slot = Slot {
            bytes: [byte; 8],
            spilled: Register::uninit().with_live(live),
            iter,
            dynptr: None,
        };
        self.log.changed_slot(frame, index);
    }

    fn mark_iterator_read(&mut self, span: Span) {
        for slot in span.slots() {
            let slot = u8::try_from(slot).expect("a frame has 64 slots");
            self.mark_read(Place::Slot(frame_number(span.frame), slot));
        }
    }

    /// Leaves the branch on which there is another element; on the current one there is none.
    pub(super) fn advance_iterator(&mut self, pc: Pc, call: &Call) -> Check {
        let Some((frame, slot)) = call.iter else {
            return Ok(());
        };
        let iter = self.iterator_at((frame, slot));
        if iter.is_some_and(|iter| iter.progress == IterProgress::Active) {
            let mut further = self.cur.clone();
            if let Some(iter) = &mut further.frames[frame].stack[slot].iter {
                iter.depth = iter.depth.saturating_add(1);
            }
            // The parent was stored just now, at this very instruction.
            let before = self
                .cur
                .parent
                .and_then(|parent| self.stored[parent.index()].state.parent);
            if let Some(previous) = self.previous_at(pc, self.cur.frames.len(), before) {
                super::super::branch::widen(&self.stored[previous.index()].state, &mut further);
            }
            further.reg_mut(Reg::R0).maybe_null = false;
            self.push_branch(further, pc.next(), pc)?;
            if let Some(iter) = &mut self.cur.frames[frame].stack[slot].iter {
                iter.progress = IterProgress::Drained;
            }
        }
        self.write_reg(Reg::R0, Register::constant(0));
        Ok(())
    }

    /// Whether the iterator that the call at hand is given may yield another element.
    pub(in super::super) fn iterator_is_active(&self) -> bool {
        let pointer = self.cur.reg(Reg::R1);
        let (Kind::Stack(frame), Some(var)) = (pointer.kind, pointer.value.const_value()) else {
            return false;
        };
        let off = i64::from(pointer.off).saturating_add(var.cast_signed());
        let Ok(off) = i32::try_from(off) else {
            return false;
        };
        let iter = self.iterator_at((usize::from(frame), slot_of(off).0));
        iter.is_some_and(|iter| iter.progress == IterProgress::Active)
    }

    /// Whether some active iterator has yielded more elements, or fewer, than in a stored state:
    /// then there is progress.
    pub(in super::super) fn iterators_advanced(&self, id: StateId) -> bool {
        let old = &self.stored[id.index()].state;
        let frames = old.frames.iter().zip(&self.cur.frames);
        let mut slots = frames.flat_map(|(old, cur)| old.stack.iter().zip(&cur.stack));
        slots.any(|(old, cur)| match (old.iter, cur.iter) {
            (Some(old), Some(cur)) => {
                old.progress == IterProgress::Active && old.depth != cur.depth
            }
            (Some(_), None) | (None, Some(_) | None) => false,
        })
    }
}

/// A refusal after a sentence that says why.
fn because(why: &str, refusal: Fail) -> Fail {
    Fail::invalid(why).then(refusal.message)
}

/// Whether a type is an iterator's structure.
pub(super) fn is_iterator(ty: &Type<'_>) -> bool {
    matches!(ty, Type::Struct(_)) && ty.name().starts_with("bpf_iter_")
}
