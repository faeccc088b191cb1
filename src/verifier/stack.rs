//! The stack: spills and fills, data, and accesses whose offset is only known to a range.
//!
//! Registers stored whole keep what is known of them. Who may see the kernel's memory may read stack
//! that was never written, which yields an unknown number.
//!
//! Kernel: `check_stack_write_fixed_off`, `check_stack_read_fixed_off`,
//! `check_stack_range_initialized` in kernel/bpf/verifier.c, 6.12.

use crate::isa::Reg;

use super::alu::MAX_VAR_OFF;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Source, Use};
use super::state::{Kind, MAX_STACK, Place, Register, Slot, SlotByte, frame_number, slot_of};

/// Stack bytes from `from` up to but not including `to`, in a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackRange {
    pub(super) frame: usize,
    pub(super) from: i32,
    pub(super) to: i32,
}

impl StackRange {
    /// The range of each byte: what helpers write, they write byte by byte.
    pub(super) fn bytes(self) -> impl Iterator<Item = StackRange> {
        (self.from..self.to).map(move |from| StackRange {
            from,
            to: from + 1,
            ..self
        })
    }
}

/// What a helper does with a range of stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Reads it.
    Read,
    /// Reads and then overwrites it.
    Write,
}

impl Verifier<'_> {
    /// The lowest and highest offset that an access of `size` bytes at `off` through a stack
    /// pointer may have, when all of that is stack.
    pub(super) fn check_stack_bounds(
        &mut self,
        reg: Reg,
        pointer: &Register,
        off: i64,
        size: u32,
        how: Use,
    ) -> Check<StackRange> {
        let Kind::Stack(frame) = pointer.kind else {
            return Err(Fail::invalid(format!(
                "R{} is not a stack pointer",
                reg.number()
            )));
        };
        let name = how.stack_phrase();
        let number = reg.number();
        let value = &pointer.value;
        if !value.is_const() && (value.smax >= MAX_VAR_OFF || value.smin <= -MAX_VAR_OFF) {
            return Err(Fail::access(format!(
                "invalid unbounded variable-offset{name} stack R{number}"
            )));
        }
        let low = value.smin.saturating_add(off);
        let high = value
            .smax
            .saturating_add(off)
            .saturating_add(i64::from(size));
        let starts_outside = low < self.lowest_offset(usize::from(frame), how) || low > -1;
        if starts_outside || high > 0 {
            let message = match value.const_value() {
                Some(_) => format!("invalid{name} stack R{number} off={low} size={size}"),
                None => format!(
                    "invalid variable-offset{name} stack R{number} var_off={} off={off} size={size}",
                    value.tnum
                ),
            };
            // Only where it starts is a matter of what may be accessed to Linux.
            return Err(match starts_outside {
                true => Fail::access(message),
                false => Fail::invalid(message),
            });
        }
        let in_range = "the offset was compared with the size of the stack";
        let range = StackRange {
            frame: usize::from(frame),
            from: i32::try_from(low).expect(in_range),
            to: i32::try_from(high).expect(in_range),
        };
        self.use_stack(range);
        Ok(range)
    }

    /// The lowest offset that may be accessed: what was never used is not there for those to read
    /// who may not see what others left.
    fn lowest_offset(&self, frame: usize, how: Use) -> i64 {
        let slots = self
            .cur
            .frames
            .get(frame)
            .map_or(0, |frame| frame.stack.len());
        let used = i64::try_from(slots * 8).unwrap_or(i64::from(MAX_STACK));
        match how {
            Use::Read if !self.rights.may_read_uninit => -used,
            Use::Read | Use::Write | Use::Helper => i64::from(-MAX_STACK),
        }
    }

    /// Makes the frame reach down to the range and counts it as used.
    pub(super) fn use_stack(&mut self, range: StackRange) {
        let Some(frame) = self.cur.frames.get_mut(range.frame) else {
            return;
        };
        frame.grow(slot_of(range.from).0);
        let subprog = frame.subprog;
        if let Some(depth) = self.stack_depths.get_mut(subprog) {
            *depth = (*depth).max(-range.from);
        }
    }

    /// Remembers, for the walk back, which slot the current instruction moved a register to or from.
    fn note_slot(&mut self, frame: usize, slot: usize) {
        if let (Some(step), Ok(slot)) = (self.cur.history.last_mut(), u8::try_from(slot)) {
            step.slot = Some((frame_number(frame), slot));
        }
    }

    fn mark_slot_read(&mut self, frame: usize, slot: usize) {
        if let Ok(slot) = u8::try_from(slot) {
            self.mark_read(Place::Slot(frame_number(frame), slot));
        }
    }

    /// Stores at a known offset.
    pub(super) fn write_stack(&mut self, range: StackRange, source: Source) -> Check {
        let size = range.to - range.from;
        let (slot, _) = slot_of(range.from);
        let whole = range.from % 8 == 0;
        self.note_slot(range.frame, slot);
        let value = self.source_register(source);
        self.check_intact(range)?;
        self.overwrite_dynptr(range.frame, slot)?;
        if let Some(value) = &value {
            if let (Kind::Stack(_), true) = (value.kind, range.frame != self.cur.top()) {
                return Err(Fail::invalid(
                    "cannot spill pointers to stack into stack frame of the caller",
                ));
            }
            if value.is_pointer() && value.kind != Kind::Dynptr {
                if size != 8 {
                    return Err(Fail::access("invalid size of register spill"));
                }
                self.spill(range, *value);
                return Ok(());
            }
            if whole && self.rights.is_capable {
                self.spill_number(range, source, *value);
                return Ok(());
            }
        }
        let zero = value.as_ref().is_some_and(Register::is_null);
        if let (true, Source::Reg(reg)) = (zero, source) {
            self.mark_precise(reg);
        }
        self.write_data(range, if zero { SlotByte::Zero } else { SlotByte::Misc });
        Ok(())
    }

    /// Refuses to overwrite a part of a pointer that must stay secret.
    pub(super) fn check_intact(&self, range: StackRange) -> Check {
        let (index, _) = slot_of(range.from);
        let slot = self.cur.frames[range.frame].stack.get(index);
        let is_secret = |slot: &Slot| slot.is_spill() && self.is_secret(&slot.spilled);
        if range.to - range.from != 8 && slot.is_some_and(is_secret) {
            return Err(Fail::access("attempt to corrupt spilled pointer on stack"));
        }
        Ok(())
    }

    /// Spills a number; a store narrower than the number loses its being equal to others.
    fn spill_number(&mut self, range: StackRange, source: Source, value: Register) {
        let bits = (range.to - range.from) * 8;
        let fits = bits >= 64 || value.value.umax < 1 << bits;
        let mut saved = value;
        if let (true, Source::Reg(reg)) = (fits, source) {
            saved = self.with_id(reg);
        }
        if !fits {
            saved.id = 0;
        }
        self.spill(range, saved);
    }

    fn spill(&mut self, range: StackRange, value: Register) {
        let (index, _) = slot_of(range.from);
        let size = usize::try_from(range.to - range.from).unwrap_or(8);
        let slot = &mut self.cur.frames[range.frame].stack[index];
        let mut live = slot.spilled.live;
        live.written |= size == 8;
        slot.spilled = value.with_live(live);
        for (place, byte) in slot.bytes.iter_mut().enumerate() {
            *byte = match *byte {
                _ if place < size => SlotByte::Spill,
                SlotByte::Zero => SlotByte::Zero,
                SlotByte::Invalid if self.rights.may_leak => SlotByte::Invalid,
                SlotByte::Invalid
                | SlotByte::Spill
                | SlotByte::Misc
                | SlotByte::Iter
                | SlotByte::Dynptr => SlotByte::Misc,
            };
        }
        slot.iter = None;
        self.log.changed_slot(range.frame, index);
    }

    /// Overwrites bytes with plain data.
    pub(super) fn write_data(&mut self, range: StackRange, data: SlotByte) {
        for off in range.from..range.to {
            let (index, byte) = slot_of(off);
            // Across two slots it overwrites neither.
            let whole = range.to - range.from == 8 && range.from % 8 == 0;
            let slot = &mut self.cur.frames[range.frame].stack[index];
            slot.scrub();
            slot.bytes[byte] = data;
            slot.spilled.live.written |= whole;
            self.log.changed_slot(range.frame, index);
        }
    }

    /// Stores somewhere within a range of offsets.
    pub(super) fn write_stack_somewhere(&mut self, range: StackRange, source: Source) -> Check {
        for off in range.from..range.to {
            self.overwrite_dynptr(range.frame, slot_of(off).0)?;
        }
        let zero = self
            .source_register(source)
            .as_ref()
            .is_some_and(Register::is_null);
        let mut relied_on_zero = false;
        for off in range.from..range.to {
            let (index, byte) = slot_of(off);
            let slot = &mut self.cur.frames[range.frame].stack[index];
            let spilled_zero = slot.is_scalar_spill() && slot.spilled.is_null();
            if zero && spilled_zero && slot.bytes[byte] == SlotByte::Spill {
                relied_on_zero = true;
                continue;
            }
            slot.scrub();
            let stays_zero = zero && slot.bytes[byte] == SlotByte::Zero;
            relied_on_zero |= stays_zero;
            slot.bytes[byte] = if stays_zero {
                SlotByte::Zero
            } else {
                SlotByte::Misc
            };
            self.log.changed_slot(range.frame, index);
        }
        if let (true, Source::Reg(reg)) = (relied_on_zero, source) {
            self.mark_precise(reg);
        }
        Ok(())
    }

    /// Loads from a known offset.
    pub(super) fn read_stack(&mut self, range: StackRange) -> Check<Register> {
        let size = u32::try_from(range.to - range.from).unwrap_or(8);
        let (index, _) = slot_of(range.from);
        self.mark_slot_read(range.frame, index);
        self.log.changed_slot(range.frame, index);
        let slot = self.cur.frames[range.frame].stack[index];
        let at_bottom = range.from % 8 == 0;
        if !slot.is_spill() {
            self.check_readable(range)?;
            return Ok(self.read_data(range));
        }
        if size == 8 && slot.is_full_spill() {
            self.note_slot(range.frame, index);
            return Ok(slot.spilled);
        }
        if !slot.spilled.is_scalar() {
            let touches = self.bytes_of(range).contains(&SlotByte::Spill);
            if touches {
                return Err(Fail::access("invalid size of register fill"));
            }
            return Ok(self.read_data(range));
        }
        if at_bottom && size <= slot.spill_size() {
            self.note_slot(range.frame, index);
            let mut filled = slot.spilled;
            if size < 8 && filled.value.umax >= 1 << (size * 8) {
                filled.id = 0;
                filled.off = 0;
            }
            return Ok(filled);
        }
        let all_spilled = self
            .bytes_of(range)
            .iter()
            .all(|byte| *byte == SlotByte::Spill);
        if all_spilled && slot.spilled.is_null() {
            self.note_slot(range.frame, index);
            return Ok(Register::constant(0));
        }
        self.check_readable(range)?;
        Ok(self.read_data(range))
    }

    fn bytes_of(&self, range: StackRange) -> Vec<SlotByte> {
        let frame = &self.cur.frames[range.frame];
        (range.from..range.to)
            .map(|off| {
                let (index, byte) = slot_of(off);
                frame
                    .stack
                    .get(index)
                    .map_or(SlotByte::Invalid, |slot| slot.bytes[byte])
            })
            .collect()
    }

    /// Refuses to load bytes of an iterator or a dynptr, or what others left there.
    fn check_readable(&self, range: StackRange) -> Check {
        let bytes = self.bytes_of(range);
        let is_closed = |byte: &SlotByte| match byte {
            SlotByte::Iter | SlotByte::Dynptr => true,
            SlotByte::Invalid => !self.rights.may_read_uninit,
            SlotByte::Spill | SlotByte::Misc | SlotByte::Zero => false,
        };
        let Some(at) = bytes.iter().position(is_closed) else {
            return Ok(());
        };
        let (off, size) = (range.from, bytes.len());
        Err(Fail::access(format!(
            "invalid read from stack off {off}+{at} size {size}"
        )))
    }

    /// Refuses to hand bytes of an iterator, of a dynptr, of a pointer that must stay secret, or what others left
    /// there, through `reg`, to what may read them.
    pub(super) fn check_plain(&self, reg: Reg, range: StackRange) -> Check {
        let is_closed = |off: i32| {
            let (index, byte) = slot_of(off);
            let slot = self.cur.frames[range.frame].stack.get(index);
            match slot.map_or(SlotByte::Invalid, |slot| slot.bytes[byte]) {
                SlotByte::Iter | SlotByte::Dynptr => true,
                SlotByte::Invalid => !self.rights.may_read_uninit,
                SlotByte::Spill => slot.is_some_and(|slot| self.is_secret(&slot.spilled)),
                SlotByte::Misc | SlotByte::Zero => false,
            }
        };
        let Some(at) = (range.from..range.to).find(|off| is_closed(*off)) else {
            return Ok(());
        };
        let (number, off, size) = (reg.number(), range.from, range.to - range.from);
        Err(Fail::access(format!(
            "invalid indirect read from stack R{number} off {off}+{} size {size}",
            at - off
        )))
    }

    /// What plain data yields: 0 if it is all zero, else an unknown number.
    fn read_data(&self, range: StackRange) -> Register {
        if self
            .bytes_of(range)
            .iter()
            .all(|byte| *byte == SlotByte::Zero)
        {
            return Register::constant(0);
        }
        Register::unknown()
    }

    /// Loads from somewhere within a range of offsets.
    pub(super) fn read_stack_somewhere(&mut self, range: StackRange) -> Register {
        self.touch_stack(range, Touch::Read);
        self.read_data(range)
    }

    /// A helper reads, or overwrites, initialised stack.
    pub(super) fn touch_stack(&mut self, range: StackRange, touch: Touch) {
        for off in range.from..range.to {
            let (index, byte) = slot_of(off);
            self.mark_slot_read(range.frame, index);
            if touch == Touch::Write {
                let slot = &mut self.cur.frames[range.frame].stack[index];
                // A byte of data takes nothing from a register that is spilled beside it.
                if matches!(slot.bytes[byte], SlotByte::Spill | SlotByte::Iter) {
                    slot.scrub();
                }
                slot.bytes[byte] = SlotByte::Misc;
            }
        }
    }
}
