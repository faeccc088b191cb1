//! What the verifier knows at one point of one path: registers, stack, references.
//!
//! No rule about instructions stands here. A [`State`] is a stack of [`Frame`]s; a stored state (a
//! checkpoint) is the parent of the states that continue it, and learns through them which of its
//! registers matter (`live`) and which scalars must match exactly (`precise`).

use crate::btf::BtfId;
use crate::isa::{Pc, Reg};

use super::dynptr::{Dynptr, Half};
pub(super) use super::kind::{BufKind, Hold, Kind, MapLevel, MapRef, MemKind, Trust, UNSETTLED};
use super::scalar::Scalar;

/// The most bytes of stack one program may use over all its frames (`MAX_BPF_STACK`).
pub(super) const MAX_STACK: i32 = 512;
/// The deepest nesting of calls (`MAX_CALL_FRAMES`).
pub(super) const MAX_FRAMES: usize = 8;

/// Set in the id of a number that is another's plus a constant, kept in `off` (`BPF_ADD_CONST`).
pub(super) const ADD_CONST: u32 = 1 << 31;

/// One register, or a spilled one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Register {
    /// What it holds.
    pub(super) kind: Kind,
    /// Whether it may be null instead (`PTR_MAYBE_NULL`).
    pub(super) maybe_null: bool,
    /// A pointer's fixed offset.
    pub(super) off: i32,
    /// A number's value, a pointer's variable offset.
    pub(super) value: Scalar,
    /// Equal numbers and copies of one pointer share an id; 0 is none.
    pub(super) id: u32,
    /// The reference that must be released, 0 for none.
    pub(super) ref_id: u32,
    /// The dynptr that the memory is a part of, 0 for none.
    pub(super) dynptr_id: u32,
    /// How many bytes from the start of the packet have been compared with its end.
    pub(super) range: i32,
    /// Whether pruning must compare this number's range.
    pub(super) precise: bool,
    /// Who has used it since the last checkpoint.
    pub(super) live: Live,
}

/// What happened to a register or slot in a state and in those that continue it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Read before being written.
    pub(super) read: bool,
    /// Written since the parent state.
    pub(super) written: bool,
}

impl Register {
    /// An unreadable register.
    pub(super) fn uninit() -> Register {
        Register {
            kind: Kind::Uninit,
            maybe_null: false,
            off: 0,
            value: Scalar::unknown(),
            id: 0,
            ref_id: 0,
            dynptr_id: 0,
            range: 0,
            precise: false,
            live: Live::default(),
        }
    }

    /// A number.
    pub(super) fn scalar(value: Scalar) -> Register {
        Register {
            kind: Kind::Scalar,
            value,
            ..Register::uninit()
        }
    }

    /// A known number.
    pub(super) fn constant(value: u64) -> Register {
        Register::scalar(Scalar::constant(value))
    }

    /// An unknown number.
    pub(super) fn unknown() -> Register {
        Register::scalar(Scalar::unknown())
    }

    /// A pointer without offset.
    pub(super) fn pointer(kind: Kind) -> Register {
        Register {
            kind,
            value: Scalar::constant(0),
            ..Register::uninit()
        }
    }

    /// Whether it is a number.
    pub(super) fn is_scalar(&self) -> bool {
        self.kind == Kind::Scalar
    }

    /// Whether it is a pointer, perhaps null.
    pub(super) fn is_pointer(&self) -> bool {
        !matches!(self.kind, Kind::Scalar | Kind::Uninit)
    }

    /// The number it holds, if known.
    pub(super) fn const_scalar(&self) -> Option<u64> {
        if self.is_scalar() {
            self.value.const_value()
        } else {
            None
        }
    }

    /// Whether it is the number 0.
    pub(super) fn is_null(&self) -> bool {
        self.const_scalar() == Some(0)
    }

    /// Whether it points into a packet or at its metadata.
    pub(super) fn is_packet(&self) -> bool {
        matches!(self.kind, Kind::Packet | Kind::PacketMeta)
    }

    /// The same register with other use marks, for comparing contents.
    pub(super) fn with_live(mut self, live: Live) -> Register {
        self.live = live;
        self
    }
}

/// What one byte of stack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotByte {
    /// Nothing was stored.
    Invalid,
    /// A byte of the slot's spilled register.
    Spill,
    /// Some data.
    Misc,
    /// Zero.
    Zero,
    /// A byte of an iterator.
    Iter,
    /// A byte of a dynptr.
    Dynptr,
}

/// How far an open-coded iterator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IterProgress {
    /// It may yield another element.
    Active,
    /// It has yielded none, and will yield none.
    Drained,
}

/// Whether an iterator hangs on an RCU section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IterGuard {
    /// It does not.
    None,
    /// It was started in one that has not ended.
    Held,
    /// It was started outside of one, or that has ended.
    Lost,
}

/// Eight bytes of an open-coded iterator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IterSlot {
    /// The iterator's structure.
    pub(super) ty: BtfId,
    /// How far it is.
    pub(super) progress: IterProgress,
    /// Whether it hangs on an RCU section.
    pub(super) guard: IterGuard,
    /// How many elements it has yielded on this path.
    pub(super) depth: u32,
    /// Its reference, at its lowest address; 0 above.
    pub(super) ref_id: u32,
}

/// Eight bytes of stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    /// What each byte holds, lowest address first.
    pub(super) bytes: [SlotByte; 8],
    /// The spilled register, where the bytes say so; its `live` is the slot's.
    pub(super) spilled: Register,
    /// The iterator, where the bytes say so.
    pub(super) iter: Option<IterSlot>,
    /// The dynptr, where the bytes say so.
    pub(super) dynptr: Option<(Dynptr, Half)>,
}

impl Slot {
    /// A slot that nothing was stored to.
    pub(super) fn invalid() -> Slot {
        Slot {
            bytes: [SlotByte::Invalid; 8],
            spilled: Register::uninit(),
            iter: None,
            dynptr: None,
        }
    }

    /// The reference that what lies here holds, 0 for none.
    pub(super) fn ref_id(&self) -> u32 {
        let dynptr = self.dynptr.map(|(dynptr, _)| dynptr.ref_id);
        let iter = || self.iter.map(|iter| iter.ref_id);
        dynptr.or_else(iter).unwrap_or(self.spilled.ref_id)
    }

    /// Whether a register was spilled here and its highest spilled byte is intact.
    pub(super) fn is_spill(&self) -> bool {
        self.bytes[0] == SlotByte::Spill
    }

    /// Whether a whole 64-bit register is spilled here.
    pub(super) fn is_full_spill(&self) -> bool {
        self.bytes == [SlotByte::Spill; 8]
    }

    /// How many bytes of the slot, from its lowest address, hold the spilled register.
    pub(super) fn spill_size(&self) -> u32 {
        let count = self
            .bytes
            .iter()
            .take_while(|byte| **byte == SlotByte::Spill)
            .count();
        u32::try_from(count).unwrap_or(8)
    }

    /// Whether a number is spilled here.
    pub(super) fn is_scalar_spill(&self) -> bool {
        self.is_spill() && self.spilled.is_scalar()
    }

    /// Turns the bytes of a spill or an iterator into plain data, zeros beside a spill too.
    pub(super) fn scrub(&mut self) {
        if self.iter.take().is_some() {
            self.bytes = [SlotByte::Misc; 8];
        }
        if !self.is_spill() {
            return;
        }
        for byte in &mut self.bytes {
            if *byte != SlotByte::Invalid {
                *byte = SlotByte::Misc;
            }
        }
        self.spilled = Register::uninit().with_live(self.spilled.live);
    }
}

/// One function's activation.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Registers, by number.
    pub(super) regs: [Register; Reg::COUNT],
    /// Slots from the frame pointer downwards: slot 0 is `fp-8`.
    pub(super) stack: Vec<Slot>,
    /// Index of the function that runs.
    pub(super) subprog: usize,
    /// The call that started it.
    pub(super) callsite: Pc,
    /// Tells this activation from others at the same depth.
    pub(super) activation: u32,
    /// Where `r0` comes from, if a function has returned it since the last checkpoint and had not written it since
    /// then: index and activation of its frame.
    pub(super) returned_from: Option<(usize, u32)>,
    /// How many functions of timers set each other until this one was set; 0 for what no timer runs.
    pub(super) async_depth: u32,
    /// The values that it may return, when a helper called it back or a timer runs it.
    pub(super) callback_range: Option<(i64, i64)>,
    /// How many iterations of the callback that it hands to a helper have been explored.
    pub(super) callback_depth: u64,
}

impl Frame {
    /// A frame with unreadable registers, but for the frame pointer.
    pub(super) fn new(index: usize, subprog: usize, callsite: Pc, activation: u32) -> Frame {
        let mut regs = [Register::uninit(); Reg::COUNT];
        regs[Reg::FP.index()] = Register::pointer(Kind::Stack(frame_number(index)));
        Frame {
            regs,
            stack: Vec::new(),
            subprog,
            callsite,
            activation,
            returned_from: None,
            async_depth: 0,
            callback_range: None,
            callback_depth: 0,
        }
    }

    /// The register of that number.
    pub(super) fn reg(&self, reg: Reg) -> &Register {
        &self.regs[reg.index()]
    }

    /// The register of that number, to change.
    pub(super) fn reg_mut(&mut self, reg: Reg) -> &mut Register {
        &mut self.regs[reg.index()]
    }

    /// Makes the stack reach down to slot `index`.
    pub(super) fn grow(&mut self, index: usize) {
        if self.stack.len() <= index {
            self.stack.resize(index + 1, Slot::invalid());
        }
    }
}

/// The number that [`Kind::Stack`] gives a frame.
pub(super) fn frame_number(index: usize) -> u8 {
    u8::try_from(index).expect("there are at most MAX_FRAMES frames")
}

/// Which slot and byte a stack offset (negative, from the frame pointer) falls into.
pub(super) fn slot_of(off: i32) -> (usize, usize) {
    let below = usize::try_from(-(i64::from(off)) - 1).unwrap_or(0);
    (below / 8, 7 - below % 8)
}

/// A resource that must be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Its id.
    pub(super) id: u32,
    /// The call that acquired it.
    pub(super) acquired_at: Pc,
    /// The frame of the callback that acquired it, 0 for none.
    pub(super) callback: u8,
}

/// What a spin lock protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockedIn {
    /// A value of that map of the program's.
    Map(u32, MapLevel),
    /// An object that the program allocated.
    Object,
}

/// A spin lock that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// What it lies in.
    pub(super) place: LockedIn,
    /// The id of the pointer to that, 0 for the only value of a map.
    pub(super) id: u32,
}

/// Index of a stored state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StateId(pub(super) u32);

impl StateId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place that a number lives in: what precision tracking follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A register of a frame.
    Reg(u8, Reg),
    /// A stack slot of a frame.
    Slot(u8, u8),
}

/// One executed instruction, as precision tracking walks back over it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Which.
    pub(super) pc: Pc,
    /// The frame that ran it.
    pub(super) frame: u8,
    /// The stack slot that it read or wrote at a fixed offset: frame and slot.
    pub(super) slot: Option<(u8, u8)>,
    /// Whether it returns from a callback, to the call that is then judged again.
    pub(super) called_back: bool,
    /// Index into [`State::links`] of the places that the branch refined together.
    pub(super) link: Option<u32>,
}

/// One point of one path.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Frames, the running one last; never empty.
    pub(super) frames: Vec<Frame>,
    /// What must be released.
    pub(super) refs: Vec<Reference>,
    /// The spin lock that is held.
    pub(super) lock: Option<Lock>,
    /// Whether the program holds the RCU read lock that it took itself.
    pub(super) rcu_locked: bool,
    /// How often it has disabled preemption and not enabled it again.
    pub(super) preempt_disabled: u32,
    /// Whether a work queue runs it, which may sleep.
    pub(super) in_work: bool,
    /// The checkpoint that this state continues.
    pub(super) parent: Option<StateId>,
    /// How many checkpoints this state continues.
    pub(super) depth: u32,
    /// The checkpoint at the head of a loop that this state was found to be part of.
    pub(super) loop_entry: Option<StateId>,
    /// What ran since the parent.
    pub(super) history: Vec<Step>,
    /// Sets of equal numbers that branches in `history` refined together.
    pub(super) links: Vec<Vec<Place>>,
    /// How many of the steps in `history` the kernel would remember: those that are no plain
    /// continuation of the one before, and moves of registers to and from the stack.
    pub(super) noted_steps: u32,
    /// How deeply callbacks have been unrolled.
    pub(super) callback_depth: u32,
    /// How many iterations of `may_goto` have been unrolled.
    pub(super) may_goto_depth: u32,
    /// Whether only a processor that guesses wrongly comes here.
    pub(super) speculative: bool,
}

impl State {
    /// The state in which a program starts, its registers not yet set.
    pub(super) fn new(subprog: usize, activation: u32) -> State {
        State {
            frames: vec![Frame::new(0, subprog, Pc(0), activation)],
            refs: Vec::new(),
            lock: None,
            rcu_locked: false,
            preempt_disabled: 0,
            in_work: false,
            parent: None,
            depth: 0,
            loop_entry: None,
            history: Vec::new(),
            links: Vec::new(),
            noted_steps: 0,
            callback_depth: 0,
            may_goto_depth: 0,
            speculative: false,
        }
    }

    /// Index of the running frame.
    pub(super) fn top(&self) -> usize {
        self.frames.len().saturating_sub(1)
    }

    /// Whether a timer runs it.
    pub(super) fn is_async(&self) -> bool {
        self.frames
            .first()
            .is_some_and(|frame| frame.async_depth > 0)
    }

    /// The running frame.
    pub(super) fn frame(&self) -> &Frame {
        self.frames.last().expect("a state has at least one frame")
    }

    /// The running frame, to change.
    pub(super) fn frame_mut(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("a state has at least one frame")
    }

    /// A register of the running frame.
    pub(super) fn reg(&self, reg: Reg) -> &Register {
        self.frame().reg(reg)
    }

    /// A register of the running frame, to change.
    pub(super) fn reg_mut(&mut self, reg: Reg) -> &mut Register {
        self.frame_mut().reg_mut(reg)
    }

    /// Calls `change` on every register and every spilled register of every frame.
    pub(super) fn for_each_register(&mut self, mut change: impl FnMut(&mut Register)) {
        self.for_each_place(|_, register| change(register));
    }

    /// As [`State::for_each_register`], with the place of each.
    pub(super) fn for_each_place(&mut self, mut change: impl FnMut(Place, &mut Register)) {
        for (index, frame) in self.frames.iter_mut().enumerate().rev() {
            let number = frame_number(index);
            for reg in Reg::all() {
                change(Place::Reg(number, reg), &mut frame.regs[reg.index()]);
            }
            for (slot_index, slot) in frame.stack.iter_mut().enumerate() {
                if slot.is_spill() {
                    let slot_number = u8::try_from(slot_index).expect("a frame has 64 slots");
                    change(Place::Slot(number, slot_number), &mut slot.spilled);
                }
            }
        }
    }

    /// The register at a place, if the place holds one.
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut Register> {
        match place {
            Place::Reg(frame, reg) => Some(self.frames.get_mut(usize::from(frame))?.reg_mut(reg)),
            Place::Slot(frame, slot) => {
                let slot = self
                    .frames
                    .get_mut(usize::from(frame))?
                    .stack
                    .get_mut(usize::from(slot))?;
                slot.is_spill().then_some(&mut slot.spilled)
            }
        }
    }
}
