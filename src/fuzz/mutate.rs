//! Breaking one thing of a program that was valid.
//!
//! It works on instructions, and knows nothing of what they are for: which instruction and how is
//! a number modulo what there is, so that a mutation survives the shrinking of its program.

use proptest::prelude::*;
use proptest::sample::select;

use super::plan::{ALU_OPS, JUMP_OPS};
use crate::isa::{CallTarget, Imm64, Insn, JumpForm, Operand, Reg, Size, Width};

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// What is done.
    pub how: How,
    /// To which instruction, of those it can be done to.
    pub at: u16,
    /// Which way.
    pub way: u8,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The instruction does nothing: a check, an initialisation or an argument is missing.
    Drop,
    /// An immediate is a little greater or smaller: a bound is off by one.
    Immediate,
    /// An offset is a little greater or smaller.
    Offset,
    /// An access is wider or narrower.
    Size,
    /// An operation or comparison has the other width.
    Width,
    /// Another register is read or written.
    Register,
    /// Another operation or condition.
    Operation,
    /// A jump leads elsewhere.
    Target,
    /// Another helper is called.
    Helper,
    /// Another map is meant.
    Map,
}

const HOWS: [How; 10] = [
    How::Drop,
    How::Immediate,
    How::Offset,
    How::Size,
    How::Width,
    How::Register,
    How::Operation,
    How::Target,
    How::Helper,
    How::Map,
];

/// Any mutation.
pub(super) fn mutations() -> impl Strategy<Value = Mutation> {
    (select(&HOWS[..]), any::<u16>(), any::<u8>()).prop_map(|(how, at, way)| Mutation {
        how,
        at,
        way,
    })
}

/// Small steps, the most telling first.
const STEPS: [i16; 8] = [1, -1, 2, -4, 8, -8, 64, -512];

impl Mutation {
    /// Does it, if there is an instruction that it can be done to.
    pub fn apply(&self, insns: &mut [Insn]) {
        let places: Vec<(usize, Insn)> = insns
            .iter()
            .enumerate()
            .filter_map(|(at, insn)| Some((at, self.changed(*insn)?)))
            .collect();
        let chosen = usize::from(self.at)
            .checked_rem(places.len())
            .and_then(|index| places.get(index));
        let Some((at, insn)) = chosen else { return };
        if let Some(place) = insns.get_mut(*at) {
            *place = *insn;
        }
    }

    /// The instruction as it is afterwards, if it can be changed so.
    fn changed(&self, insn: Insn) -> Option<Insn> {
        match self.how {
            How::Drop => dropped(insn),
            How::Immediate => self.immediate(insn),
            How::Offset => self.offset(insn),
            How::Size => self.size(insn),
            How::Width => width(insn),
            How::Register => self.register(insn),
            How::Operation => self.operation(insn),
            How::Target => self.target(insn),
            How::Helper => self.helper(insn),
            How::Map => self.map(insn),
        }
        .filter(|changed| *changed != insn)
    }

    fn step(&self) -> i16 {
        pick(&STEPS, self.way)
    }

    fn any_register(&self) -> Reg {
        Reg::new(self.way % 11).unwrap_or(Reg::R0)
    }

    fn immediate(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::Alu {
                src: Operand::Imm(imm),
                ..
            }
            | Insn::JumpIf {
                src: Operand::Imm(imm),
                ..
            }
            | Insn::Store {
                src: Operand::Imm(imm),
                ..
            }
            | Insn::LegacyLoad { imm, .. } => *imm = imm.wrapping_add(i32::from(self.step())),
            _ => return None,
        }
        Some(insn)
    }

    fn offset(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::Load { off, .. } | Insn::Store { off, .. } | Insn::Atomic { off, .. } => {
                *off = off.wrapping_add(self.step());
            }
            Insn::LoadImm64 {
                value: Imm64::MapValue { off, .. },
                ..
            } => *off = off.wrapping_add_signed(i32::from(self.step())),
            _ => return None,
        }
        Some(insn)
    }

    fn size(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::Load { size, .. } | Insn::Store { size, .. } => {
                *size = pick(&[Size::DW, Size::W, Size::H, Size::B], self.way);
            }
            Insn::Atomic { width, .. } => *width = other(*width),
            _ => return None,
        }
        Some(insn)
    }

    fn register(&self, mut insn: Insn) -> Option<Insn> {
        let new = self.any_register();
        let first = self.way & 0x80 == 0;
        match &mut insn {
            Insn::Alu { dst, src, .. } | Insn::JumpIf { dst, src, .. } => match (first, src) {
                (false, Operand::Reg(src)) => *src = new,
                _ => *dst = new,
            },
            Insn::Neg { dst, .. } | Insn::Endian { dst, .. } | Insn::LoadImm64 { dst, .. } => {
                *dst = new;
            }
            Insn::MovSx { dst, src, .. } if first => (*dst, *src) = (new, *src),
            Insn::MovSx { src, .. } => *src = new,
            Insn::Load { dst, .. } if first => *dst = new,
            Insn::Load { base, .. } => *base = new,
            Insn::Store {
                src: Operand::Reg(src),
                ..
            } if first => *src = new,
            Insn::Store { base, .. } => *base = new,
            Insn::Atomic { src, .. } if first => *src = new,
            Insn::Atomic { base, .. } => *base = new,
            _ => return None,
        }
        Some(insn)
    }

    fn operation(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::Alu { op, .. } => *op = pick(&ALU_OPS, self.way),
            Insn::JumpIf { op, .. } => *op = pick(&JUMP_OPS, self.way),
            _ => return None,
        }
        Some(insn)
    }

    fn target(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::Jump { off, .. } => *off = off.wrapping_add(i32::from(self.step())),
            Insn::JumpIf { off, .. } => *off = off.wrapping_add(self.step()),
            _ => return None,
        }
        Some(insn)
    }

    fn helper(&self, insn: Insn) -> Option<Insn> {
        // Only such as give the same every time.
        const NUMBERS: [i32; 8] = [1, 2, 3, 26, 9, 28, 44, 189];
        match insn {
            Insn::Call(CallTarget::Helper(_)) => {
                Some(Insn::Call(CallTarget::Helper(pick(&NUMBERS, self.way))))
            }
            _ => None,
        }
    }

    fn map(&self, mut insn: Insn) -> Option<Insn> {
        match &mut insn {
            Insn::LoadImm64 {
                value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
                ..
            } => *fd = i32::from(self.way % 4),
            _ => return None,
        }
        Some(insn)
    }
}

/// Nothing in its place, if it is one slot.
fn dropped(insn: Insn) -> Option<Insn> {
    let nothing = Insn::Jump {
        form: JumpForm::Short,
        off: 0,
    };
    match insn {
        Insn::LoadImm64 { .. } | Insn::Imm64High | Insn::Exit => None,
        Insn::Jump { .. } => None,
        _ => Some(nothing),
    }
}

fn width(mut insn: Insn) -> Option<Insn> {
    match &mut insn {
        Insn::Alu { width, .. } | Insn::JumpIf { width, .. } | Insn::Neg { width, .. } => {
            *width = other(*width);
        }
        _ => return None,
    }
    Some(insn)
}

fn other(width: Width) -> Width {
    match width {
        Width::W32 => Width::W64,
        Width::W64 => Width::W32,
    }
}

/// One of them; none of the lists is empty.
fn pick<T: Copy, const N: usize>(list: &[T; N], way: u8) -> T {
    const { assert!(N > 0) };
    list[usize::from(way) % N]
}
