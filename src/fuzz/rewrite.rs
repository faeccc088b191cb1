//! Taking instructions out of a program and putting some in, so that all jumps still lead where
//! they led.

use crate::isa::{CallTarget, Imm64, Insn, Operand, Reg, Size};

/// The program without the instruction at `at`, and without its second half if it has one; `None`
/// for a second half, and where there would be nothing left.
pub(super) fn without(insns: &[Insn], at: usize) -> Option<Vec<Insn>> {
    let len = match insns.get(at)? {
        Insn::Imm64High => return None,
        Insn::LoadImm64 { .. } => 2,
        _ => 1,
    };
    let moved = |slot: i64| {
        let (at, len) = (index(at), index(len));
        match slot {
            slot if slot <= at => slot,
            slot => (slot - len).max(at),
        }
    };
    let kept = |slot: usize| !(at..at + len).contains(&slot);
    let rest: Vec<Insn> = relocated(insns, moved)
        .enumerate()
        .filter(|(slot, _)| kept(*slot))
        .map(|(_, insn)| insn)
        .collect();
    (!rest.is_empty()).then_some(rest)
}

/// The program with every frame's stack first filled with a pattern.
pub(super) fn with_full_stacks(insns: &[Insn], pattern: i32) -> Vec<Insn> {
    let starts: Vec<usize> = std::iter::once(0).chain(callees(insns)).collect();
    let fill: Vec<Insn> = (1..=64_i16)
        .map(|slot| Insn::Store {
            size: Size::DW,
            base: Reg::FP,
            off: slot * -8,
            src: Operand::Imm(pattern),
        })
        .collect();
    let before = |slot: i64| starts.iter().filter(|start| index(**start) < slot).count();
    // A call leads to the fill, not behind it.
    let moved = |slot: i64| slot + index(before(slot) * fill.len());
    let body: Vec<Insn> = insns.to_vec();
    let mut filled = Vec::new();
    for (slot, insn) in body.iter().enumerate() {
        if starts.contains(&slot) {
            filled.extend(&fill);
        }
        // Where it stands itself is behind the fill.
        let here = index(filled.len());
        let mut insn = *insn;
        if let Some(off) = distance(&insn) {
            set_distance(&mut insn, moved(index(slot) + 1 + off) - here - 1);
        }
        filled.push(insn);
    }
    filled
}

/// Where calls lead.
fn callees(insns: &[Insn]) -> impl Iterator<Item = usize> {
    let target = |(at, insn): (usize, &Insn)| match insn {
        Insn::Call(CallTarget::Local(off)) => usize::try_from(index(at) + 1 + i64::from(*off)).ok(),
        _ => None,
    };
    let mut starts: Vec<usize> = insns.iter().enumerate().filter_map(target).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.into_iter()
}

/// The instructions with distances as if each slot had moved.
fn relocated(insns: &[Insn], moved: impl Fn(i64) -> i64) -> impl Iterator<Item = Insn> {
    insns.iter().enumerate().map(move |(at, insn)| {
        let (mut insn, at) = (*insn, index(at));
        if let Some(off) = distance(&insn) {
            let next = moved(at + 1).max(moved(at) + 1);
            set_distance(&mut insn, moved(at + 1 + off) - next);
        }
        insn
    })
}

fn index(slot: usize) -> i64 {
    i64::try_from(slot).unwrap_or(i64::MAX)
}

fn distance(insn: &Insn) -> Option<i64> {
    match insn {
        Insn::Jump { off, .. }
        | Insn::Call(CallTarget::Local(off))
        | Insn::LoadImm64 {
            value: Imm64::Func(off),
            ..
        } => Some(i64::from(*off)),
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => Some(i64::from(*off)),
        _ => None,
    }
}

/// A distance that does not fit stays as it was: the program then does something else, which
/// whoever rewrites it notices.
fn set_distance(insn: &mut Insn, to: i64) {
    match insn {
        Insn::Jump { off, .. }
        | Insn::Call(CallTarget::Local(off))
        | Insn::LoadImm64 {
            value: Imm64::Func(off),
            ..
        } => *off = i32::try_from(to).unwrap_or(*off),
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => {
            *off = i16::try_from(to).unwrap_or(*off);
        }
        _ => {}
    }
}
