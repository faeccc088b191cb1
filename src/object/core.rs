//! CO-RE relocations: the answer of the type matcher, written into an instruction.
//!
//! The rules are libbpf 1.5's (`bpf_core_patch_insn` in `tools/lib/bpf/relo_core.c`): the
//! instruction must hold what the program's own types say; loads and stores also take the size of
//! the target's field. What the target does not have makes the instruction a call of helper
//! [`POISON`], which the verifier refuses where it is reached and drops where it is not.

use crate::btf::core::{CoreMatch, Resize, match_field};
use crate::btf::{Btf, BtfId, CoreRelo, Type};
use crate::isa::RawInsn;

use super::error::CoreProblem;

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
    Poisoned,
}

/// Applies a relocation of the program's types `local` to the instruction at the start of
/// `insns`, by the types `target`.
pub(super) fn apply(
    insns: &mut [RawInsn],
    relocation: &CoreRelo,
    local: &Btf,
    target: &Btf,
) -> Result<Applied, CoreProblem> {
    let answer = match_field(local, relocation, target)?;
    let (insn, rest) = insns.split_first_mut().ok_or(CoreProblem::NoInstruction)?;
    let Some(value) = answer.target_value() else {
        let second = if insn.opcode == LOAD_IMM64 {
            rest.first_mut()
        } else {
            None
        };
        return Ok(poison(insn, second));
    };
    match insn.opcode & 7 {
        // ALU and ALU64 with an immediate.
        4 | 7 if insn.opcode & 8 == 0 => {
            check(i64::from(insn.imm), &answer)?;
            insn.imm = i32::try_from(value).map_err(|_| CoreProblem::TooFar { value })?;
        }
        // LDX, ST and STX.
        1..=3 if answer.resize == Resize::Impossible => return Ok(poison(insn, None)),
        1..=3 => {
            check(i64::from(insn.off), &answer)?;
            insn.off = i16::try_from(value).map_err(|_| CoreProblem::TooFar { value })?;
            if let Resize::To(size) = answer.resize {
                resize(insn, answer.local.byte_size, size)?;
            }
        }
        0 if insn.opcode == LOAD_IMM64 => {
            let second = rest.first_mut().ok_or(CoreProblem::NoInstruction)?;
            check(
                (i64::from(second.imm) << 32) | i64::from(insn.imm.cast_unsigned()),
                &answer,
            )?;
            [insn.imm, second.imm] = halves(value);
        }
        _ => {
            return Err(CoreProblem::Instruction {
                opcode: insn.opcode,
            });
        }
    }
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

fn poison(insn: &mut RawInsn, second: Option<&mut RawInsn>) -> Applied {
    let call = RawInsn {
        opcode: CALL,
        imm: POISON,
        ..RawInsn::default()
    };
    *insn = call;
    if let Some(second) = second {
        *second = call;
    }
    Applied::Poisoned
}

/// The number in the instruction must be what the program was compiled with; bit-fields have
/// several right answers.
fn check(got: i64, answer: &CoreMatch) -> Result<(), CoreProblem> {
    let want = answer.local_value();
    match answer.local.bitfield_size {
        None if u64::try_from(got) != Ok(want) => Err(CoreProblem::Mismatch { got, want }),
        _ => Ok(()),
    }
}

fn resize(insn: &mut RawInsn, from: u64, to: u64) -> Result<(), CoreProblem> {
    const SIZES: [(u8, u64); 4] = [(0x00, 4), (0x08, 2), (0x10, 1), (0x18, 8)];
    let got = SIZES
        .iter()
        .find(|size| size.0 == insn.opcode & SIZE_MASK)
        .map_or(0, |size| size.1);
    let code = SIZES
        .iter()
        .find(|size| size.1 == to)
        .filter(|_| got == from);
    let (code, _) = code.ok_or(CoreProblem::AccessSize { got, want: from })?;
    insn.opcode = (insn.opcode & !SIZE_MASK) | code;
    Ok(())
}

/// What a relocation is about, as C writes it: `struct task_struct.pid`.
pub(super) fn describe(btf: &Btf, relocation: &CoreRelo) -> String {
    let mut text = btf.type_name(relocation.ty);
    let mut ty = relocation.ty;
    for index in btf
        .text(relocation.access)
        .split(':')
        .skip(1)
        .take(crate::btf::MAX_DEPTH)
    {
        let Ok(index) = index.parse::<usize>() else {
            break;
        };
        let Some((step, next)) = step(btf, ty, index) else {
            break;
        };
        text.push_str(&step);
        ty = next;
    }
    text
}

fn step(btf: &Btf, ty: BtfId, index: usize) -> Option<(String, BtfId)> {
    match btf.resolved(ty) {
        Type::Struct(composite) | Type::Union(composite) => {
            let member = composite.members.get(index)?;
            let text = if member.name.is_empty() {
                String::new()
            } else {
                format!(".{}", member.name)
            };
            Some((text, member.ty))
        }
        Type::Array { elem, .. } => Some((format!("[{index}]"), elem)),
        _ => None,
    }
}
