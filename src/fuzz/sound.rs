//! Holds what registers and stack really hold, step by step, against what the verifier held of them.
//!
//! It is the other side of comparing verdicts: a verifier that claims too much accepts too much,
//! whether or not the program at hand shows it.
//!
//! Rules:
//! - Before each instruction one of the states recorded there must be true in all of its claims:
//!   the registers of the running function and the stacks of all functions judged with it.
//! - Where the verifier claims nothing, nothing is compared.

use std::fmt;

use super::lab::Compared;
use crate::code::{Code, MAX_FRAMES, Stacks};
use crate::helpers::Packet;
use crate::interp::{Step, Watch};
use crate::isa::{Pc, Reg, Size};
use crate::machine::{Addr, Memory, ObjectKind, Owner};
use crate::maps::Map;
use crate::verifier::scalar::Scalar;
use crate::verifier::{Base, Claim, Held, HeldSlot, Recording};

/// What a run has, for claims to speak of.
pub(super) struct Scene<'a> {
    pub(super) memory: &'a Memory,
    pub(super) stacks: &'a Stacks,
    pub(super) maps: &'a [std::sync::Arc<Map>],
    pub(super) packet: Packet<'a>,
    pub(super) ctx: Addr,
}

/// An instruction before which no state held is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FalseClaim {
    /// Which.
    pub pc: Pc,
    /// How many states were held there.
    pub states: usize,
    /// What was not true of the state that was true for longest; nothing where none has this chain
    /// of calls.
    pub failed: Option<Failed>,
}

/// A claim that is not true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Of what.
    pub place: Place,
    /// What is there.
    pub value: u64,
    /// What was claimed.
    pub claim: Claim,
}

/// A place that claims are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A register of the running function.
    Reg(Reg),
    /// The slot so many bytes below the frame pointer, of the frame of that index among those held.
    Slot(usize, i64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Reg(reg) => reg.fmt(f),
            Place::Slot(frame, below) => write!(f, "fp-{below} of frame {frame}"),
        }
    }
}

impl fmt::Display for FalseClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FalseClaim { pc, states, failed } = self;
        write!(
            f,
            "before instruction {pc} none of {states} states held is true: "
        )?;
        match failed {
            None => f.write_str("none has this chain of calls"),
            Some(Failed {
                place,
                value,
                claim: Claim::Number { value: number, .. },
            }) => write!(f, "{place} is {value:#x}, not {number}"),
            Some(Failed {
                place,
                value,
                claim,
            }) => write!(f, "{place} is {value:#x}, not {claim:?}"),
        }
    }
}

/// Compares each step with a recording.
pub(super) struct Checker<'a> {
    scene: Scene<'a>,
    recording: &'a Recording,
    /// The call that began each frame, the program's own first.
    callsites: [Pc; MAX_FRAMES],
    /// Where the last step was.
    last: (Pc, usize),
    /// How many steps there were.
    steps: u64,
    /// The first claim that was not true.
    found: Option<FalseClaim>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(scene: Scene<'a>, recording: &'a Recording) -> Checker<'a> {
        Checker {
            scene,
            recording,
            callsites: [Pc(0); MAX_FRAMES],
            last: (Pc(0), 0),
            steps: 0,
            found: None,
        }
    }

    /// What came of it.
    pub(super) fn into_compared(self) -> Compared {
        Compared {
            steps: self.steps,
            found: self.found,
        }
    }

    /// Keeps the chain of calls up to date.
    fn follow(&mut self, code: &Code, step: &Step<'_>) -> Pc {
        let pc = code.pc_of(step.index);
        let (last, depth) = self.last;
        if step.depth > depth
            && let Some(site) = self.callsites.get_mut(step.depth - 1)
        {
            *site = last;
        }
        self.last = (pc, step.depth);
        pc
    }

    /// The claim that shows that no state held at an instruction is true, if that is so.
    fn disproved(&self, pc: Pc, step: &Step<'_>) -> Option<FalseClaim> {
        let states = self.recording.at(pc);
        let mut furthest: Option<(usize, Failed)> = None;
        for held in states
            .iter()
            .filter(|held| self.is_called_so(held, step.depth))
        {
            let mut view = View {
                scene: &self.scene,
                first: step.depth.saturating_sub(held.frames.len()),
                same: Vec::new(),
                compared: 0,
            };
            let Err(failed) = view.holds(held, step.regs) else {
                return None;
            };
            if furthest.is_none_or(|(compared, _)| view.compared >= compared) {
                furthest = Some((view.compared, failed));
            }
        }
        Some(FalseClaim {
            pc,
            states: states.len(),
            failed: furthest.map(|(_, failed)| failed),
        })
    }

    /// Whether the frames of a state were begun by the calls that began the frames there are.
    fn is_called_so(&self, held: &Held, depth: usize) -> bool {
        let Some(first) = depth.checked_sub(held.frames.len()) else {
            return false;
        };
        let sites = self.callsites.iter().skip(first + 1);
        let wanted = held.frames.iter().skip(1);
        wanted
            .zip(sites)
            .all(|(frame, site)| frame.callsite == *site)
    }
}

impl Watch for Checker<'_> {
    fn step(&mut self, step: &Step<'_>) {
        let pc = self.follow(step.code, step);
        self.steps += 1;
        if self.found.is_none() {
            self.found = self.disproved(pc, step);
        }
    }
}

/// One comparison with one state.
struct View<'a> {
    scene: &'a Scene<'a>,
    /// The frame that the state's first one is.
    first: usize,
    /// Numbers that are claimed to be equal: mark and value.
    same: Vec<(u32, u64)>,
    /// How many claims were compared.
    compared: usize,
}

impl View<'_> {
    fn holds(&mut self, held: &Held, regs: &[u64]) -> Result<(), Failed> {
        let running = held.frames.last().map_or(&[][..], |frame| &frame.regs);
        for ((reg, claim), value) in Reg::all().zip(running).zip(regs) {
            self.check(*claim, *value, Place::Reg(reg))?;
        }
        for (index, frame) in held.frames.iter().enumerate() {
            let top = self.scene.stacks.top(self.first + index);
            for (below, slot) in (8..).step_by(8).zip(&frame.stack) {
                let place = Place::Slot(index, below);
                self.check_slot(slot, top.offset(-below), place)?;
            }
        }
        Ok(())
    }

    fn check_slot(&mut self, held: &HeldSlot, at: Addr, place: Place) -> Result<(), Failed> {
        if held.spilled.is_none() && held.zeros == 0 {
            return Ok(());
        }
        let value = self
            .scene
            .memory
            .peek_uint(at, Size::DW)
            .unwrap_or_default();
        for byte in (0..8).filter(|byte| held.zeros & (1 << byte) != 0) {
            let zero = Claim::Number {
                value: Scalar::constant(0),
                same: 0,
            };
            self.check(zero, value >> (8 * byte) & 0xff, place)?;
        }
        match held.spilled {
            Some((size, claim)) => {
                let unused = 64 - 8 * size.bytes();
                self.check(claim, value & (u64::MAX >> unused), place)
            }
            None => Ok(()),
        }
    }

    fn check(&mut self, claim: Claim, value: u64, place: Place) -> Result<(), Failed> {
        self.compared += 1;
        let holds = match claim {
            Claim::Nothing => true,
            Claim::Number {
                value: number,
                same,
            } => number.contains(value) && self.is_same(same, value),
            Claim::Pointer { or_null: true, .. } if value == 0 => true,
            Claim::Pointer { base, off, var, .. } => {
                let start = value.wrapping_sub(i64::from(off).cast_unsigned());
                self.points_to(base, start, &var)
            }
        };
        let failed = Failed {
            place,
            value,
            claim,
        };
        holds.then_some(()).ok_or(failed)
    }

    /// Whether a number is that of others with the same mark.
    fn is_same(&mut self, mark: u32, value: u64) -> bool {
        if mark == 0 {
            return true;
        }
        match self.same.iter().find(|(known, _)| *known == mark) {
            Some((_, known)) => *known == value,
            None => {
                self.same.push((mark, value));
                true
            }
        }
    }

    /// Whether an address, less a fixed offset, is a variable offset from its base.
    fn points_to(&self, base: Base, address: u64, var: &Scalar) -> bool {
        let scene = self.scene;
        let only = var.const_value();
        let from = |start: Addr| var.contains(address.wrapping_sub(start.0));
        let (data, len) = match scene.packet {
            Packet::Xdp(frame) => (frame.data(), frame.len()),
            Packet::Skb(skb) => (skb.data(), skb.len()),
        };
        let end = data.offset(i64::from(len));
        match base {
            Base::Stack(frame) => from(scene.stacks.top(self.first + frame)),
            Base::Context => from(scene.ctx),
            Base::Map(index) => scene.maps.get(index).is_some_and(|map| from(map.handle)),
            Base::MapValue(index) => match only {
                Some(offset) => {
                    let value = Addr(address.wrapping_sub(offset));
                    scene
                        .maps
                        .get(index)
                        .is_some_and(|map| self.begins_value(map, value))
                }
                None => true,
            },
            Base::Packet(range) => from(data) && is_before(address, range, end),
            Base::PacketMeta(range) => is_before(address, range, data),
            Base::PacketEnd => from(end),
            Base::Memory(size) => match only {
                Some(offset) => self.has_room(Addr(address.wrapping_sub(offset)), size),
                None => true,
            },
        }
    }

    /// Whether a value of the map begins there.
    fn begins_value(&self, map: &Map, value: Addr) -> bool {
        let Some(object) = self.scene.memory.describe(value) else {
            return false;
        };
        let begins = match object.stride {
            Some(_) => object.element().is_some_and(|(_, offset)| offset == 0),
            None => object.offset == 0,
        };
        begins && object.kind == ObjectKind::MapValue && object.owner == Owner::Map(map.id)
    }

    fn has_room(&self, start: Addr, size: u32) -> bool {
        let object = self.scene.memory.describe(start);
        object.is_some_and(|object| {
            let room = u64::try_from(object.offset).ok();
            room.and_then(|offset| object.len.checked_sub(offset))
                .is_some_and(|room| room >= u64::from(size))
        })
    }
}

/// Whether so many bytes from an address on lie before an end; no bytes may lie anywhere.
fn is_before(address: u64, bytes: i32, end: Addr) -> bool {
    bytes <= 0 || address.wrapping_add_signed(i64::from(bytes)) <= end.0
}
