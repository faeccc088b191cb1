//! Dynptrs: where they lie, what they point to, who makes, reads and releases them.
//!
//! Whoever calls says what is wanted of one ([`Want`]); what the functions do with it is their own
//! ([`super::helper`], [`super::kfunc`]).
//!
//! Rules:
//! - One lies in two stack slots, or a register points to one of somebody else's ([`Kind::Dynptr`]), which stays as it is.
//! - A store to either slot ends it, and what was cut from its memory with it; one that holds a reference
//!   must not be overwritten.
//! - Clones share the reference of what they were cloned from: releasing one ends all in its frame.
//!
//! Kernel: `process_dynptr_func`, `mark_stack_slots_dynptr`, `unmark_stack_slots_dynptr`,
//! `destroy_if_dynptr_stack_slot`, `stack_slot_obj_get_spi` in kernel/bpf/verifier.c, 6.12.

use crate::isa::Reg;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Source, Use};
use super::stack::StackRange;
use super::state::{Kind, MemKind, Place, Register, Slot, SlotByte, frame_number, slot_of};

/// The structure.
pub(super) const DYNPTR: &str = "bpf_dynptr";
/// How many bytes one slot has.
const SLOT: i32 = 8;

/// What a dynptr points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DynptrType {
    /// Memory of the program's.
    Local,
    /// A record of a ring buffer, to be submitted or discarded.
    Ringbuf,
    /// A socket buffer's packet.
    Skb,
    /// An XDP program's packet.
    Xdp,
}

impl DynptrType {
    /// How messages and the log call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            DynptrType::Local => "local",
            DynptrType::Ringbuf => "ringbuf",
            DynptrType::Skb => "skb",
            DynptrType::Xdp => "xdp",
        }
    }

    /// Whether what it points to must be released.
    fn is_refcounted(self) -> bool {
        match self {
            DynptrType::Ringbuf => true,
            DynptrType::Local | DynptrType::Skb | DynptrType::Xdp => false,
        }
    }

    /// What may be done with a part of its memory that may be written.
    pub(super) fn slice(self) -> MemKind {
        match self {
            DynptrType::Local | DynptrType::Ringbuf => MemKind::Plain,
            DynptrType::Skb | DynptrType::Xdp => MemKind::PacketSlice,
        }
    }

    /// What may be done with a part that may only be read.
    pub(super) fn read_only_slice(self) -> MemKind {
        match self {
            DynptrType::Local | DynptrType::Ringbuf => MemKind::ReadOnly,
            DynptrType::Skb | DynptrType::Xdp => MemKind::ReadOnlyPacketSlice,
        }
    }
}

/// A dynptr: what is known of it, wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dynptr {
    /// What it points to.
    pub(super) ty: DynptrType,
    /// Tells it from others: what is cut from it carries this.
    pub(super) id: u32,
    /// The reference that it and its clones share, 0 for none.
    pub(super) ref_id: u32,
}

impl Dynptr {
    /// A pointer to a part of its memory, of that many bytes.
    pub(super) fn slice(self, size: u32, access: MemKind) -> Register {
        Register {
            dynptr_id: self.id,
            ..Register::pointer(Kind::Mem(size, access))
        }
    }
}

/// Which half of a dynptr eight bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The one at the lower address.
    First,
    /// The one above.
    Second,
}

/// What a function wants of a dynptr that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// That it is there.
    Any,
    /// That it is there and points to that.
    Of(DynptrType),
    /// Room for one that the function makes.
    Room(DynptrType),
    /// Room for one that is as another is.
    RoomForClone(Dynptr),
}

/// Where a dynptr lies: the slot of its lower half; that of the upper one has the number below.
#[derive(Clone, Copy, Debug)]
struct At {
    frame: usize,
    first: usize,
}

impl At {
    fn slots(self) -> [(usize, Half); 2] {
        let second = self.first.saturating_sub(1);
        [(self.first, Half::First), (second, Half::Second)]
    }
}

impl Verifier<'_> {
    /// Judges a dynptr argument; makes it where that is wanted.
    pub(super) fn check_dynptr(&mut self, reg: Reg, want: Want) -> Check {
        let register = *self.cur.reg(reg);
        let index = reg.number() - 1;
        if !matches!(register.kind, Kind::Stack(_) | Kind::Dynptr) {
            return Err(Fail::invalid(format!(
                "arg#{index} expected pointer to stack or const struct bpf_dynptr"
            )));
        }
        let expected = match want {
            Want::Any => None,
            Want::Of(ty) => Some(ty),
            Want::Room(ty) => return self.make_dynptr(reg, &register, ty, None),
            Want::RoomForClone(parent) => {
                return self.make_dynptr(reg, &register, parent.ty, Some(parent.ref_id));
            }
        };
        let refusal = || Fail::invalid(format!("Expected an initialized dynptr as arg #{index}"));
        let dynptr = self.dynptr_at(&register, &refusal)?;
        if let Some(expected) = expected.filter(|expected| *expected != dynptr.ty) {
            return Err(Fail::invalid(format!(
                "Expected a dynptr of type {} as arg #{index}",
                expected.name()
            )));
        }
        if let Ok(at) = self.place_of(&register) {
            self.mark_dynptr_read(at);
        }
        Ok(())
    }

    /// The dynptr that a register points to, once that is judged.
    pub(super) fn dynptr_of(&self, reg: Reg) -> Option<Dynptr> {
        let refusal = || Fail::invalid("kernel subsystem misconfigured verifier");
        self.dynptr_at(self.cur.reg(reg), &refusal).ok()
    }

    fn dynptr_at(&self, register: &Register, refusal: &dyn Fn() -> Fail) -> Check<Dynptr> {
        if register.kind == Kind::Dynptr {
            // Whoever handed it out says no more than that.
            return Ok(Dynptr {
                ty: DynptrType::Local,
                id: register.id,
                ref_id: register.ref_id,
            });
        }
        let at = self
            .place_of(register)
            .map_err(|fail| joined(fail, refusal()))?;
        let halves = at.slots().map(|(slot, half)| {
            let found = self.slot(at.frame, slot).and_then(|slot| slot.dynptr);
            found.filter(|(_, is)| *is == half)
        });
        match halves {
            [Some((dynptr, _)), Some(_)] => Ok(dynptr),
            _ => Err(refusal()),
        }
    }

    /// The slots that a dynptr at the pointer takes up.
    fn place_of(&self, pointer: &Register) -> Check<At> {
        let Kind::Stack(frame) = pointer.kind else {
            return Err(Fail::invalid("kernel subsystem misconfigured verifier"));
        };
        let Some(var) = pointer.value.const_value() else {
            return Err(Fail::invalid("dynptr has to be at a constant offset"));
        };
        let off = i64::from(pointer.off).saturating_add(var.cast_signed());
        let misplaced = || Fail::invalid(format!("cannot pass in dynptr at an offset={off}"));
        let from = i32::try_from(off).map_err(|_| misplaced())?;
        if from % SLOT != 0 || from > -2 * SLOT {
            return Err(misplaced());
        }
        Ok(At {
            frame: usize::from(frame),
            first: slot_of(from).0,
        })
    }

    fn slot(&self, frame: usize, slot: usize) -> Option<&Slot> {
        self.cur.frames.get(frame)?.stack.get(slot)
    }

    fn mark_dynptr_read(&mut self, at: At) {
        for (slot, _) in at.slots() {
            let slot = u8::try_from(slot).expect("a frame has 64 slots");
            self.mark_read(Place::Slot(frame_number(at.frame), slot));
        }
    }

    /// A pointer to somebody else's dynptr.
    pub(super) fn foreign_dynptr(&mut self) -> Register {
        Register {
            id: self.new_id(),
            ..Register::pointer(Kind::Dynptr)
        }
    }

    /// Puts one where a function wants room for it; a clone is given the reference of its parent.
    fn make_dynptr(
        &mut self,
        reg: Reg,
        register: &Register,
        ty: DynptrType,
        shared: Option<u32>,
    ) -> Check {
        let refusal = || Fail::invalid("Dynptr has to be an uninitialized dynptr");
        if register.kind == Kind::Dynptr {
            return Err(refusal());
        }
        let at = self
            .place_of(register)
            .map_err(|fail| joined(fail, refusal()))?;
        for above in [0, SLOT] {
            let off = i64::from(register.off) + i64::from(above);
            let range = self.check_stack_bounds(reg, register, off, 8, Use::Write)?;
            self.write_stack(range, Source::Unknown)?;
        }
        let id = self.new_id();
        let ref_id = match (ty.is_refcounted(), shared) {
            (false, _) => 0,
            (true, Some(shared)) => shared,
            (true, None) => self.acquire(self.pc),
        };
        let dynptr = Dynptr { ty, id, ref_id };
        for (slot, half) in at.slots() {
            self.set_dynptr_slot(at.frame, slot, Some((dynptr, half)));
        }
        Ok(())
    }

    /// Refuses to release what is no dynptr of the program's that must be.
    pub(super) fn check_releasable(&self, reg: Reg) -> Check {
        let register = self.cur.reg(reg);
        let number = reg.number();
        let unacquired = || Fail::invalid(format!("arg {number} is an unacquired reference"));
        if register.kind == Kind::Dynptr {
            return Err(Fail::invalid("cannot release unowned const bpf_dynptr"));
        }
        let at = self
            .place_of(register)
            .map_err(|fail| joined(fail, unacquired()))?;
        let slot = self.slot(at.frame, at.first);
        match slot.is_some_and(|slot| slot.ref_id() != 0) {
            true => Ok(()),
            false => Err(unacquired()),
        }
    }

    /// Releases the dynptr that a register points to, and with it its clones and what was cut from it.
    pub(super) fn release_dynptr(&mut self, reg: Reg, what: &str) {
        let register = *self.cur.reg(reg);
        let (Some(dynptr), Ok(at)) = (self.dynptr_of(reg), self.place_of(&register)) else {
            return;
        };
        if dynptr.ref_id == 0 {
            return self.end_dynptr(at);
        }
        // A callback cannot give back what its caller acquired. Linux ends the dynptr all the same, so that
        // the reference is found missing later.
        let _ = self.release(dynptr.ref_id, what);
        for first in 1..self.cur.frames[at.frame].stack.len() {
            let slot = &self.cur.frames[at.frame].stack[first];
            let is_clone =
                |(one, half): (Dynptr, Half)| one.ref_id == dynptr.ref_id && half == Half::First;
            if slot.dynptr.is_some_and(is_clone) {
                self.end_dynptr(At { first, ..at });
            }
        }
    }

    /// Refuses to let a helper overwrite dynptrs: it might be given them, too.
    pub(super) fn check_beside_dynptrs(&self, range: StackRange) -> Check {
        let is_dynptr = |off: &i32| {
            let slot = self.slot(range.frame, slot_of(*off).0);
            slot.is_some_and(|slot| slot.dynptr.is_some())
        };
        match (range.from..range.to).find(is_dynptr) {
            Some(off) => Err(Fail::access(format!(
                "potential write to dynptr at off={off} disallowed"
            ))),
            None => Ok(()),
        }
    }

    /// Ends the dynptr, if there is one, that has a half in a slot which is about to be overwritten.
    pub(super) fn overwrite_dynptr(&mut self, frame: usize, slot: usize) -> Check {
        let Some((dynptr, half)) = self.slot(frame, slot).and_then(|slot| slot.dynptr) else {
            return Ok(());
        };
        if dynptr.ty.is_refcounted() {
            return Err(Fail::invalid("cannot overwrite referenced dynptr"));
        }
        let first = match half {
            Half::First => slot,
            Half::Second => slot + 1,
        };
        self.end_dynptr(At { frame, first });
        let lost = self.lost_pointer();
        self.cur.for_each_register(|register| {
            // What was cut from a packet outlives the dynptr, and so does what is only read.
            let is_slice = matches!(register.kind, Kind::Mem(_, MemKind::Plain));
            if is_slice && register.dynptr_id == dynptr.id {
                *register = lost.with_live(register.live);
            }
        });
        Ok(())
    }

    fn end_dynptr(&mut self, at: At) {
        for (slot, _) in at.slots() {
            self.set_dynptr_slot(at.frame, slot, None);
        }
    }

    fn set_dynptr_slot(&mut self, frame: usize, index: usize, dynptr: Option<(Dynptr, Half)>) {
        let slot = &mut self.cur.frames[frame].stack[index];
        let mut live = slot.spilled.live;
        live.written = true;
        let byte = match dynptr {
            Some(_) => SlotByte::Dynptr,
            None => SlotByte::Invalid,
        };
        *slot = Slot {
            bytes: [byte; 8],
            spilled: Register::uninit().with_live(live),
            dynptr,
            ..Slot::invalid()
        };
        self.log.changed_slot(frame, index);
    }
}

/// A refusal behind the sentence that says why.
fn joined(why: Fail, refusal: Fail) -> Fail {
    why.then(refusal.message)
}
