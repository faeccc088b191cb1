//! A program in which another runs in place of one of its functions.
//!
//! It decides nothing: that the one may stand for the other is the verifier's business, and stays true here.
//!
//! Rules:
//! - The other is appended, with the subprograms that it calls, and what led to the function leads to it. The function
//!   itself stays behind, and nothing reaches it.
//! - In place of the program's own first function, the other program is all there is.
//! - Maps of both are kept: those of the program first, then the other's.

use crate::isa::{Pc, RawInsn};
use crate::object::{Program, Subprog};
use crate::verifier::{Loops, Verified};

/// `call`.
const CALL: u8 = 0x85;
/// 64-bit immediate load.
const LOAD_IMM64: u8 = 0x18;
/// Source registers of what refers to a function: a call, and a load of its address.
const REFERENCES: [(u8, u8); 2] = [(CALL, 1), (LOAD_IMM64, 4)];
/// Source registers of loads of maps and of addresses in their values.
const MAPS: [u8; 2] = [1, 2];

/// Joins programs that nobody judged. There is nothing to join where the program has no such function.
pub fn join(whole: &Program, subprog: usize, part: &Program) -> Option<Program> {
    let start = whole.subprogs.get(subprog)?.start;
    let maps: Vec<_> = whole.maps.iter().chain(part.maps.iter()).cloned().collect();
    let moved = part_code(part, whole.maps.len())?;
    if start == Pc(0) {
        return Some(Program {
            code: moved,
            maps: maps.into(),
            ..part.clone()
        });
    }
    let base = u32::try_from(whole.code.len()).ok()?;
    let mut code = whole.code.clone();
    redirect(&mut code, start, Pc(base));
    code.extend(moved);
    let subprogs = part.subprogs.iter().map(|one| Subprog {
        start: Pc(base + one.start.0),
        ..one.clone()
    });
    let lines = part.lines.iter().map(|line| crate::object::Line {
        pc: Pc(base + line.pc.0),
        ..line.clone()
    });
    Some(Program {
        code,
        subprogs: whole.subprogs.iter().cloned().chain(subprogs).collect(),
        lines: whole.lines.iter().cloned().chain(lines).collect(),
        maps: maps.into(),
        ..whole.clone()
    })
}

/// Joins programs that were judged.
pub fn join_verified(whole: &Verified, subprog: usize, part: &Verified) -> Option<Verified> {
    let program = join(&whole.program, subprog, &part.program)?;
    let insns = crate::isa::decode_program(&program.code).ok()?;
    let base = u32::try_from(whole.insns.len()).ok()?;
    let replaced = whole.program.subprogs.get(subprog)?.start;
    let is_all = replaced == Pc(0);
    let mut joined = match is_all {
        true => part.clone(),
        false => whole.clone(),
    };
    if !is_all {
        joined.facts.extend_from_slice(&part.facts);
        joined.stack_depths.extend_from_slice(&part.stack_depths);
        joined.functions.extend_from_slice(&part.functions);
        let calls = part.kernel_calls.iter();
        let moved = calls.map(|(pc, call)| (Pc(base + pc.0), call.clone()));
        joined.kernel_calls.extend(moved);
        joined.loops = join_loops(&whole.loops, &part.loops, replaced, base);
    }
    joined.insns = insns;
    joined.program = program.into();
    Some(joined)
}

/// The loops of both: what led to the function that is replaced leads to the start of the part.
fn join_loops(whole: &Loops, part: &Loops, replaced: Pc, base: u32) -> Loops {
    let kept = |start: &Pc| match *start == replaced {
        true => Pc(base),
        false => *start,
    };
    let moved = |pc: &Pc| Pc(base + pc.0);
    let bodies = whole.bodies.iter().map(|(pc, body)| (*pc, kept(body)));
    let more = part
        .bodies
        .iter()
        .map(|(pc, body)| (moved(pc), moved(body)));
    let called_back = whole.called_back.iter().map(kept);
    Loops {
        bodies: bodies.chain(more).collect(),
        called_back: called_back
            .chain(part.called_back.iter().map(moved))
            .collect(),
    }
}

/// The code of the part, with its maps behind so many others.
fn part_code(part: &Program, maps: usize) -> Option<Vec<RawInsn>> {
    let maps = i32::try_from(maps).ok()?;
    let mut code = part.code.clone();
    let mut at = 0;
    while let Some(insn) = code.get_mut(at) {
        if insn.opcode == LOAD_IMM64 && MAPS.contains(&insn.src) {
            insn.imm = insn.imm.checked_add(maps)?;
        }
        at += if insn.opcode == LOAD_IMM64 { 2 } else { 1 };
    }
    Some(code)
}

/// Lets what leads to one place lead to another.
fn redirect(code: &mut [RawInsn], from: Pc, to: Pc) {
    let mut at = 0;
    while let Some(insn) = code.get_mut(at as usize) {
        let refers = REFERENCES.contains(&(insn.opcode, insn.src));
        if refers && Pc(at).target(insn.imm) == Some(from) {
            insn.imm = to.0.wrapping_sub(at + 1).cast_signed();
        }
        at += if insn.opcode == LOAD_IMM64 { 2 } else { 1 };
    }
}
