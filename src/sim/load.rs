//! What was loaded: programs with their verdicts, and maps.

use std::sync::Arc;
use std::time::Duration;

use crate::code::{Code, LowerError};
use crate::machine::{MapId, ProgId};
use crate::object::{LinkError, Object, Program};
use crate::verifier::{Rejection, Verified};

/// One loaded object.
#[derive(Debug, Default)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// The object, unless the program came from none.
    pub object: Option<Object>,
    /// Its programs, in the order of the file.
    pub programs: Vec<LoadedProgram>,
    /// The ids of its maps, in the order of [`Object::maps`].
    pub maps: Vec<MapId>,
}

/// One program and what became of it.
#[derive(Debug)]
pub struct LoadedProgram {
    /// Its id, if it is loaded.
    pub id: Option<ProgId>,
    /// Its name.
    pub name: String,
    /// The section it came from.
    pub section: String,
    /// The program, unless it does not link.
    pub program: Option<Arc<Program>>,
    /// What became of it.
    pub verdict: Verdict,
    /// How long judging it took.
    pub duration: Duration,
}

/// What became of a program.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was judged, accepted, and can run.
    Accepted {
        /// What was learnt.
        verified: Arc<Verified>,
        /// What runs.
        code: Arc<Code>,
    },
    /// Nobody judged it; it can run.
    Unverified {
        /// What runs.
        code: Arc<Code>,
    },
    /// It cannot be loaded.
    Refused(Refusal),
    /// It is loaded only when asked for (`SEC("?…")`).
    Skipped,
}

/// Why a program cannot be loaded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// It does not link.
    #[error(transparent)]
    Link(LinkError),
    /// The verifier refuses it.
    #[error(transparent)]
    Rejected(Box<Rejection>),
    /// It is accepted, but the simulator cannot run it.
    #[error("{error}")]
    Lower {
        /// What the verifier learnt, if it was asked.
        verified: Option<Arc<Verified>>,
        /// Why it cannot run.
        error: LowerError,
    },
}
