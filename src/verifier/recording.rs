//! What the verifier held to be true before each instruction, path by path, for others to test.
//!
//! It judges nothing and knows no machine: whoever ran the program compares what registers and
//! stack really held with the claims.
//!
//! Rules:
//! - Every way that a run may come to an instruction is covered by one of the states held there,
//!   each of whose claims is then true.
//! - So that this holds of all registers, a recorded exploration prunes a state only where an earlier
//!   one includes all of it. Linux, and [`super::verify`], leave out what is never read and the ranges of
//!   numbers that never matter: a recording takes longer, and holds more states.
//! - What is claimed of pointers to kernel objects, sockets and iterators is [`Claim::Nothing`].

use crate::isa::{Pc, Reg, Size};

use super::explore::Verifier;
use super::scalar::Scalar;
use super::state::{ADD_CONST, Frame, Kind, MapLevel, MapRef, Register, Slot, SlotByte, State};

/// The most states that are recorded; an exploration with more gives no recording.
const MOST: usize = 1 << 16;

/// The states held before each instruction.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    held: Vec<Vec<Held>>,
    count: usize,
}

/// One state: the frames of functions judged together, the outermost first.
#[derive(Clone, Debug)]
pub struct Held {
    /// Never empty.
    pub frames: Vec<HeldFrame>,
}

/// What is held of one function's activation.
#[derive(Clone, Debug)]
pub struct HeldFrame {
    /// The call that began it; of the outermost nothing is known.
    pub callsite: Pc,
    /// Registers, by number.
    pub regs: [Claim; Reg::COUNT],
    /// Eight bytes each, from the frame pointer downwards.
    pub stack: Vec<HeldSlot>,
}

/// What is held of eight bytes of stack.
#[derive(Clone, Copy, Debug)]
pub struct HeldSlot {
    /// The low bytes that a spilled register has left there, and what it held.
    pub spilled: Option<(Size, Claim)>,
    /// The bytes that are zero, as bits, the lowest address in the lowest.
    pub zeros: u8,
}

/// What is held of a 64-bit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    Nothing,
    /// A number.
    Number {
        /// It is a member of this.
        value: Scalar,
        /// Numbers of one state with the same mark, not 0, are equal.
        same: u32,
    },
    /// A pointer.
    Pointer {
        /// To what.
        base: Base,
        /// Whether it may be null instead.
        or_null: bool,
        /// Its fixed offset.
        off: i32,
        /// Its variable offset is a member of this.
        var: Scalar,
    },
}

/// What a pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The end of the stack of the frame of that index among those held.
    Stack(usize),
    /// The context.
    Context,
    /// The program's map of that index.
    Map(usize),
    /// A value of that map.
    MapValue(usize),
    /// The packet; so many bytes from its variable offset on lie before its end.
    Packet(i32),
    /// The packet's metadata; so many bytes from its variable offset on lie before the packet.
    PacketMeta(i32),
    /// The packet's end.
    PacketEnd,
    /// Memory of that many bytes.
    Memory(u32),
}

impl Recording {
    /// One for a program of so many slots.
    pub(super) fn new(slots: usize) -> Recording {
        Recording {
            held: vec![Vec::new(); slots],
            count: 0,
        }
    }

    /// The states held before an instruction.
    pub fn at(&self, pc: Pc) -> &[Held] {
        self.held.get(pc.index()).map_or(&[], Vec::as_slice)
    }

    /// Whether it holds every state there was.
    pub(super) fn is_complete(&self) -> bool {
        self.count <= MOST
    }

    fn push(&mut self, pc: Pc, state: &State) {
        self.count += 1;
        if !self.is_complete() {
            self.held = Vec::new();
        }
        if let Some(held) = self.held.get_mut(pc.index()) {
            held.push(Held {
                frames: state.frames.iter().map(held_frame).collect(),
            });
        }
    }
}

impl Verifier<'_> {
    /// Records what is held before the instruction that the path is at.
    pub(super) fn record(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.push(self.pc, &self.cur);
        }
    }
}

fn held_frame(frame: &Frame) -> HeldFrame {
    HeldFrame {
        callsite: frame.callsite,
        regs: frame.regs.each_ref().map(claim),
        stack: frame.stack.iter().map(held_slot).collect(),
    }
}

fn held_slot(slot: &Slot) -> HeldSlot {
    let zero = |(index, byte): (usize, &SlotByte)| u8::from(*byte == SlotByte::Zero) << index;
    HeldSlot {
        spilled: spilled(slot),
        zeros: slot.bytes.iter().enumerate().map(zero).sum(),
    }
}

/// What the bytes of a spilled register hold: of a part of a number, the low bytes.
fn spilled(slot: &Slot) -> Option<(Size, Claim)> {
    let size = match slot.spill_size() {
        1 => Size::B,
        2 => Size::H,
        4 => Size::W,
        8 => return Some((Size::DW, claim(&slot.spilled))),
        _ => return None,
    };
    let number = Claim::Number {
        value: slot.spilled.value.truncate(size),
        same: 0,
    };
    slot.spilled.is_scalar().then_some((size, number))
}

fn claim(register: &Register) -> Claim {
    if register.is_scalar() {
        return Claim::Number {
            value: register.value,
            same: match register.id & ADD_CONST {
                0 => register.id,
                _ => 0,
            },
        };
    }
    base(register).map_or(Claim::Nothing, |base| Claim::Pointer {
        base,
        or_null: register.maybe_null,
        off: register.off,
        var: register.value,
    })
}

/// What a pointer points to, if that can be told from outside.
fn base(register: &Register) -> Option<Base> {
    let own = |map: MapRef| (map.level == MapLevel::Outer).then_some(map.index as usize);
    match register.kind {
        Kind::Stack(frame) => Some(Base::Stack(usize::from(frame))),
        Kind::Ctx => Some(Base::Context),
        // A lookup in a map of maps gives a map that the program does not name.
        Kind::Map(map) if !register.maybe_null => own(map).map(Base::Map),
        Kind::MapValue(map) => own(map).map(Base::MapValue),
        Kind::Packet => Some(Base::Packet(register.range)),
        Kind::PacketMeta => Some(Base::PacketMeta(register.range)),
        Kind::PacketEnd => Some(Base::PacketEnd),
        Kind::Mem(size, _) => Some(Base::Memory(size)),
        Kind::Uninit
        | Kind::Scalar
        | Kind::Map(_)
        | Kind::MapKey(_)
        | Kind::Func(_)
        | Kind::Btf(..)
        | Kind::Local(..)
        | Kind::Sock(_)
        | Kind::FlowKeys
        | Kind::Dynptr
        | Kind::Arena
        | Kind::Buf(_) => None,
    }
}
