//! Programs that are kept from a kernel that others depend on.
//!
//! Linux 6.18.44 dereferences a null pointer when its verifier goes two ways at a bitwise operation
//! (`maybe_fork_scalars`) while it has more ways left to go than it keeps (8192). The thread that
//! loads the program is killed; whatever it held is lost.

use super::campaign::Ours;
use crate::isa::{AluOp, CallTarget, Insn};

/// The most ways that the verifier keeps, with some distance.
const WAYS: usize = 4096;

/// The same for a program that we know to the end: what Linux 6.12 keeps is what we keep, and a
/// newer kernel is not far from it.
const WAYS_KNOWN: u64 = 1024;

/// Whether asking about a program is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// It is.
    None,
    /// It might crash a kernel.
    MayCrash,
}

impl Hazard {
    /// That of a program of which we say that.
    pub(super) fn of(insns: &[Insn], ours: &Ours) -> Hazard {
        let may_crash = match ours {
            Ours::Accepted { peak_pending, .. } => *peak_pending > WAYS_KNOWN,
            Ours::Refused { .. }
            | Ours::Unsupported { .. }
            | Ours::Unsound(_)
            | Ours::Panicked { .. } => may_crash(insns),
        };
        match may_crash {
            true => Hazard::MayCrash,
            false => Hazard::None,
        }
    }
}

/// Whether a program might get a verifier to that place: it has a bitwise operation, and a loop or
/// so many branches and calls that some way through it meets too many of them.
fn may_crash(insns: &[Insn]) -> bool {
    let count = |is_it: fn(&Insn) -> bool| insns.iter().filter(|insn| is_it(insn)).count();
    let bitwise = count(is_bitwise);
    let forks = bitwise + count(|insn| matches!(insn, Insn::JumpIf { .. } | Insn::MayGoto { .. }));
    let calls = count(|insn| matches!(insn, Insn::Call(CallTarget::Local(_))));
    // Functions call one another two deep.
    let on_a_way = calls
        .saturating_mul(calls)
        .saturating_add(calls + 1)
        .saturating_mul(forks);
    bitwise > 0 && (on_a_way > WAYS || insns.iter().any(leads_back))
}

fn is_bitwise(insn: &Insn) -> bool {
    let Insn::Alu { op, .. } = insn else {
        return false;
    };
    matches!(op, AluOp::And | AluOp::Or | AluOp::Xor)
}

fn leads_back(insn: &Insn) -> bool {
    match insn {
        Insn::Jump { off, .. } => *off < 0,
        Insn::JumpIf { off, .. } | Insn::MayGoto { off } => *off < 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::may_crash;
    use crate::isa::asm::{NoSymbols, assemble};

    #[test]
    fn bitwise_operation_is_withheld_only_with_a_loop() {
        let insns = |text: &str| assemble(text, &NoSymbols).expect("assembly").insns;
        assert!(may_crash(&insns(
            "r1 = 1\nl: r1 &= 3\nif r1 != 0 goto l\nexit"
        )));
        assert!(!may_crash(&insns(
            "r1 = 1\nl: r1 += 3\nif r1 != 0 goto l\nexit"
        )));
        assert!(!may_crash(&insns(
            "r1 = 1\nr1 &= 3\nif r1 != 0 goto l\nl: exit"
        )));
    }
}
