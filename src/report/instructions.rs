//! The instructions of a program as text, in the kernel's syntax, with the names the program knows.
//!
//! It is not the disassembler: that is `isa`'s. It copes with slots that do not decode.

use crate::abi::helpers;
use crate::isa::{Imm64, Insn, Names, Pc, decode, disassemble};
use crate::object::Program;

/// Names of helpers and of a program's maps.
#[derive(Clone, Copy, Debug)]
pub struct ProgramNames<'a>(pub &'a Program);

impl Names for ProgramNames<'_> {
    fn helper(&self, number: i32) -> Option<&str> {
        helpers::by_number(number).map(|helper| helper.name)
    }

    fn map(&self, fd: i32) -> Option<&str> {
        let index = usize::try_from(fd).ok()?;
        self.0.maps.get(index).map(|map| map.name.as_str())
    }
}

/// One slot of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it is.
    pub pc: Pc,
    /// Its operation code.
    pub opcode: u8,
    /// The instruction, if it is one.
    pub insn: Option<Insn>,
    /// Its text; empty for the second half of a 64-bit immediate.
    pub text: String,
}

/// Every slot of a program in order.
pub fn slots(program: &Program) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::with_capacity(program.code.len());
    for (pc, &raw) in (0..).map(Pc).zip(&program.code) {
        let next = program.code.get(pc.next().index()).copied();
        let insn = if slots.last().is_some_and(Slot::is_wide) {
            Ok(Insn::Imm64High)
        } else {
            decode(raw, next)
        };
        let text = match &insn {
            Ok(insn) => disassemble(*insn, &ProgramNames(program)).to_string(),
            Err(error) => format!("invalid instruction: {error}"),
        };
        slots.push(Slot {
            pc,
            opcode: raw.opcode,
            insn: insn.ok(),
            text,
        });
    }
    slots
}

impl Slot {
    /// Whether the next slot is this one's second half.
    fn is_wide(&self) -> bool {
        matches!(self.insn, Some(Insn::LoadImm64 { .. }))
    }

    /// Whether it is the second half of the slot before.
    pub fn is_high(&self) -> bool {
        self.insn == Some(Insn::Imm64High)
    }

    /// Index of the map it loads, in the maps of the program.
    pub fn map(&self) -> Option<usize> {
        match self.insn {
            Some(Insn::LoadImm64 {
                value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
                ..
            }) => usize::try_from(fd).ok(),
            _ => None,
        }
    }

    /// As the kernel's log has it: `(bf) r1 = r2`.
    pub fn log_line(&self) -> String {
        match self.is_high() {
            true => String::new(),
            false => format!("({:02x}) {}", self.opcode, self.text),
        }
    }
}
