//! CO-RE relocations: the answers of the type matcher, written into instructions.
//!
//! The rules are libbpf 1.5's (`bpf_core_patch_insn` in `tools/lib/bpf/relo_core.c`): the
//! instruction must hold what the program's own types say; loads and stores also take the size of
//! the target's field. What the target does not have makes the instruction a call of helper
//! [`POISON`], which the verifier refuses where it is reached and drops where it is not.
//!
//! All relocations of an object are answered once, in the order of the file: programs that are
//! loaded without being asked for come first, because libbpf answers only theirs.

use std::sync::Arc;

use crate::btf::core::{Answer, CoreSubject, Matcher, Resize, describe};
use crate::btf::{Btf, CoreRelo};
use crate::isa::RawInsn;

use super::code::CodeSection;
use super::error::CoreProblem;
use super::program::Lack;
use super::{LinkOptions, Object};

/// The helper number of instructions whose relocation has no answer.
pub const POISON: i32 = 0xbad_2310;

/// The operation code of a call.
const CALL: u8 = 0x85;

/// The operation code of a 64-bit immediate load.
const LOAD_IMM64: u8 = 0x18;

/// The bits of a load's or store's operation code that give its size.
const SIZE_MASK: u8 = 0x18;

/// Whether a relocation was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The instruction holds the answer.
    Patched,
    /// There is none, and the instruction must not be reached.
    Poisoned(Lack),
}

/// The answers to all relocations of an object.
pub(super) struct Answers<'a> {
    local: Option<&'a Arc<Btf>>,
    matcher: Option<Matcher<'a>>,
}

impl<'a> Answers<'a> {
    /// Answers all relocations. The target's types are not even read if there are none.
    pub(super) fn new(object: &'a Object, options: &LinkOptions<'a>) -> Answers<'a> {
        let sections = &object.code.sections;
        let mut relocations: Vec<_> = sections
            .iter()
            .flat_map(|section| {
                let order = move |relo: &CoreRelo| (is_optional(section), relo.number);
                section
                    .core
                    .iter()
                    .map(move |(_, relo)| (order(relo), relo))
            })
            .collect();
        relocations.sort_unstable_by_key(|&(order, _)| order);
        let local = object.btf.as_ref().filter(|_| !relocations.is_empty());
        let mut matcher = local.map(|local| Matcher::new(local, options.targets()));
        for (_, relocation) in relocations {
            // A program that has an error sees it when it is laid out.
            drop(matcher.as_mut().map(|matcher| matcher.answer(relocation)));
        }
        Answers { local, matcher }
    }

    /// Applies a relocation to the instruction at the start of `insns`.
    pub(super) fn apply(
        &mut self,
        insns: &mut [RawInsn],
        relocation: &CoreRelo,
    ) -> Result<Applied, CoreProblem> {
        let matcher = self.matcher.as_mut().ok_or(CoreProblem::NoInstruction)?;
        let answer = matcher.answer(relocation)?;
        patch(insns, relocation, &answer)
    }

    /// What a relocation is about, as C writes it.
    pub(super) fn describe(&self, relocation: &CoreRelo) -> String {
        self.local
            .map_or_else(String::new, |local| describe(local, relocation))
    }
}

/// Whether the programs of a section are loaded only when asked for.
fn is_optional(section: &CodeSection) -> bool {
    section.name.starts_with('?')
}

fn patch(
    insns: &mut [RawInsn],
    relocation: &CoreRelo,
    answer: &Answer,
) -> Result<Applied, CoreProblem> {
    let (insn, rest) = insns.split_first_mut().ok_or(CoreProblem::NoInstruction)?;
    let missing = match relocation.kind.subject() {
        CoreSubject::Field | CoreSubject::Type => Lack::Field,
        CoreSubject::Value => Lack::Value,
    };
    match insn.opcode & 7 {
        // ALU and ALU64 with an immediate.
        4 | 7 if insn.opcode & 8 == 0 => {
            let Some(value) = answer.value else {
                return Ok(poison([insn], missing));
            };
            check(i64::from(insn.imm).cast_unsigned(), answer)?;
            [insn.imm, _] = halves(value);
            Ok(Applied::Patched)
        }
        // LDX, ST and STX.
        1..=3 => match answer.value {
            Some(value) => patch_access(insn, value, answer),
            None => Ok(poison([insn], missing)),
        },
        0 if insn.opcode == LOAD_IMM64 => {
            let second = rest.first_mut().ok_or(CoreProblem::NoInstruction)?;
            check_form(insn, second)?;
            let Some(value) = answer.value else {
                return Ok(poison([insn, second], missing));
            };
            let high = u64::from(second.imm.cast_unsigned()) << 32;
            check(high | u64::from(insn.imm.cast_unsigned()), answer)?;
            [insn.imm, second.imm] = halves(value);
            Ok(Applied::Patched)
        }
        _ => Err(CoreProblem::Instruction {
            opcode: insn.opcode,
        }),
    }
}

/// Writes a field's offset, and its size, into a load or store.
fn patch_access(insn: &mut RawInsn, value: u64, answer: &Answer) -> Result<Applied, CoreProblem> {
    check(i64::from(insn.off).cast_unsigned(), answer)?;
    let off = i16::try_from(value).map_err(|_| CoreProblem::TooFar { value })?;
    match answer.resize {
        Resize::Impossible => return Ok(poison([insn], Lack::Size)),
        Resize::Change { from, to } => resize(insn, from, to)?,
        Resize::Keep => {}
    }
    insn.off = off;
    Ok(Applied::Patched)
}

/// The low and the high word.
fn halves(value: u64) -> [i32; 2] {
    let [b0, b1, b2, b3, high @ ..] = value.to_le_bytes();
    [
        i32::from_le_bytes([b0, b1, b2, b3]),
        i32::from_le_bytes(high),
    ]
}

fn poison<const N: usize>(insns: [&mut RawInsn; N], lack: Lack) -> Applied {
    for insn in insns {
        *insn = RawInsn {
            opcode: CALL,
            imm: POISON,
            ..RawInsn::default()
        };
    }
    Applied::Poisoned(lack)
}

/// A 64-bit immediate load must be one of a number.
fn check_form(first: &RawInsn, second: &RawInsn) -> Result<(), CoreProblem> {
    let second_empty = RawInsn {
        imm: second.imm,
        ..RawInsn::default()
    };
    if first.src != 0 || first.off != 0 || *second != second_empty {
        return Err(CoreProblem::Form);
    }
    Ok(())
}

/// The number in the instruction must be what the program was compiled with.
fn check(got: u64, answer: &Answer) -> Result<(), CoreProblem> {
    match answer.expected {
        Some(want) if got != want => Err(CoreProblem::Mismatch { got, want }),
        _ => Ok(()),
    }
}

fn resize(insn: &mut RawInsn, from: u64, to: u64) -> Result<(), CoreProblem> {
    const SIZES: [(u8, u64); 4] = [(0x00, 4), (0x08, 2), (0x10, 1), (0x18, 8)];
    let got = SIZES
        .iter()
        .find(|size| size.0 == insn.opcode & SIZE_MASK)
        .map_or(0, |size| size.1);
    if got != from {
        return Err(CoreProblem::AccessSize { got, want: from });
    }
    let code = SIZES.iter().find(|size| size.1 == to);
    let &(code, _) = code.ok_or(CoreProblem::NoAccessOf { size: to })?;
    insn.opcode = (insn.opcode & !SIZE_MASK) | code;
    Ok(())
}

#[cfg(test)]
mod tests;
