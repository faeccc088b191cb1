//! Disagreements whose reason is known, one row each.
//!
//! Only what lies with the other kernel's version stands here; what is wrong with us is a finding
//! until it is fixed. That we accept what a kernel refuses is never known.

use super::Case;
use super::campaign::Disagreement;

/// A reason to disagree.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// How our sentence begins when we refuse what the kernel accepts.
    pub ours: &'static str,
    /// Why that is right.
    pub reason: &'static str,
}

/// The rows.
pub static KNOWN: [Known; 0] = [];

/// The reason of a disagreement, if it is known.
pub fn of(disagreement: &Disagreement, _case: &Case) -> Option<&'static Known> {
    match disagreement {
        Disagreement::FalseReject { ours } => {
            KNOWN.iter().find(|known| ours.contains(known.ours))
        }
        Disagreement::FalseAccept { .. }
        | Disagreement::Result { .. }
        | Disagreement::Unsound(_)
        | Disagreement::Panic { .. } => None,
    }
}
