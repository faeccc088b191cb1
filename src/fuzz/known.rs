//! Disagreements that lie with a kernel newer than the one that is modelled, one row each.
//!
//! Only what Linux 6.12 itself was seen to do as we do stands here; what is wrong with us is a
//! finding until it is fixed. That we accept what a kernel refuses is never known.

use super::Case;
use super::campaign::Disagreement;
use crate::isa::{AluOp, CallTarget, Insn, Width};

/// A reason to disagree.
#[derive(Debug)]
pub(super) struct Known {
    /// What is disagreed about.
    about: About,
    /// What a case needs to have, once it is as small as it gets.
    with: With,
    /// Why that is right.
    pub(super) reason: &'static str,
}

#[derive(Debug)]
enum About {
    /// We refuse with a sentence that has this in it.
    Refusal(&'static str),
    /// A run gives something else.
    Run,
}

#[derive(Debug)]
enum With {
    Anything,
    /// An instruction that the case cannot do without.
    Insn(fn(&Insn) -> bool),
}

/// Newest release that is judged as the one that is modelled.
const MODELLED: (u32, u32) = (6, 12);

/// The rows. The kernel that they were seen on is 6.18.
static KNOWN: [Known; 7] = [
    Known {
        about: About::Refusal("map_value_or_null"),
        with: With::Anything,
        reason: "newer kernels know that an array has an element with a constant index in bounds",
    },
    Known {
        about: About::Refusal("jumps is too complex"),
        with: With::Anything,
        reason: "newer kernels decide more conditions, such as a register compared with itself",
    },
    Known {
        about: About::Refusal(""),
        with: With::Insn(|insn| matches!(insn, Insn::Neg { .. })),
        reason: "newer kernels track ranges through negation",
    },
    Known {
        about: About::Refusal(""),
        with: With::Insn(|insn| matches!(insn, Insn::Endian { .. })),
        reason: "newer kernels track numbers through byte swaps",
    },
    Known {
        about: About::Refusal(""),
        with: With::Insn(|insn| {
            let is_mul = |op: &AluOp| matches!(op, AluOp::Mul | AluOp::Div | AluOp::Mod);
            matches!(insn, Insn::Alu { op, .. } if is_mul(op))
        }),
        reason: "newer kernels track ranges through multiplication and division more closely",
    },
    Known {
        about: About::Refusal("makes map_value pointer be out of bounds"),
        with: With::Insn(|insn| {
            let is_narrow = |width: &Width| *width == Width::W32;
            matches!(insn, Insn::Atomic { width, .. } if is_narrow(width))
        }),
        reason: "newer kernels know that what a 32-bit atomic operation fetches has 32 bits",
    },
    Known {
        about: About::Run,
        with: With::Insn(|insn| matches!(insn, Insn::Call(CallTarget::Helper(28)))),
        reason: "newer kernels fold what bpf_csum_diff gives to 16 bits",
    },
];

/// The reason of a disagreement with a kernel, if it is known: before a case was made small, or of
/// the `Smallest`.
pub(super) fn of(
    disagreement: &Disagreement,
    case: &Case,
    release: Option<&str>,
    stage: Stage,
) -> Option<&'static Known> {
    if !release.is_some_and(is_newer) {
        return None;
    }
    let is_about = |known: &&Known| match (&known.about, disagreement) {
        (About::Refusal(part), Disagreement::FalseReject { ours }) => ours.contains(part),
        (About::Run, Disagreement::Result { .. }) => true,
        _ => false,
    };
    let has = |known: &&Known| match (&known.with, stage) {
        (With::Anything, _) => true,
        (With::Insn(_), Stage::Found) => false,
        (With::Insn(is_it), Stage::Smallest) => case.insns.iter().any(is_it),
    };
    KNOWN.iter().filter(is_about).find(has)
}

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// As it was generated: it has much that does not matter.
    Found,
    /// What is in it matters.
    Smallest,
}

/// Whether a release is newer than what is modelled.
fn is_newer(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version > MODELLED
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn release_is_newer_by_its_first_two_numbers() {
        assert!(is_newer("6.18.44-fc"));
        assert!(is_newer("7.0"));
        assert!(!is_newer("6.12.117+deb12-amd64"));
        assert!(!is_newer("6.1.0"));
    }
}
