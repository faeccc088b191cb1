//! The simulator's outcome against a real kernel's: verdicts, and for what the kernel can
//! test-run, everything that a run leaves.
//!
//! It prints nothing and knows no list of what is known to differ.
//!
//! Rules:
//! - Both sides get the instructions that our loader linked for the kernel's types.
//! - Verdicts are compared with their error number. Reasons are kept for people: their wording differs
//!   between kernels.
//! - What one side cannot do is a [`Compared::notes`] line, never a silent agreement.
//! - Each program starts with fresh maps on both sides.

mod creation;
mod events;
mod input;
mod maps;
mod run;
mod traced;

use std::sync::Arc;

use crate::btf::Btf;
use crate::kernel::job::{Job, JobResult, MapFailure, ProgramResult, Verdict};
use crate::kernel::{Kernel, KernelError, errno_name, log};
use crate::object::{LinkError, LinkOptions, Object, ObjectError, Program, Setup, TargetPrograms};
use crate::sim::Engine;
use crate::verifier::{Env, LogLevel, Rejection, Verified, verify};

pub use input::{Events, Input, generate};
pub use run::{is_run, test_event};

/// Not permitted.
const EPERM: i32 = 1;
/// The verifier's log: the refused path, and statistics.
const LOG_LEVEL: u32 = 1 | 4;

/// What is compared.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Every program of an object.
    Object {
        /// Its file's name.
        name: String,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// One program that comes from no object.
    Program(Box<Program>),
}

/// How it is compared.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The kernel's types; `None` stands for the embedded Linux 6.12.
    pub kernel_btf: Option<Arc<Btf>>,
    /// The kernel's configuration and symbols, and values for the variables of objects.
    pub setup: Arc<Setup>,
    /// The types of its modules.
    pub module_btfs: Vec<Arc<Btf>>,
    /// The programs whose functions others replace or trace.
    pub target: Option<Arc<TargetPrograms>>,
    /// Only the programs of these names; all where there are none.
    pub programs: Vec<String>,
    /// What runs them in the simulator.
    pub engine: Engine,
    /// What programs are run on.
    pub input: Input,
}

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// It is no object, or a broken one.
    #[error(transparent)]
    Object(#[from] Box<ObjectError>),
    /// The kernel cannot be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// One program on both sides.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its name.
    pub program: String,
    /// Its section.
    pub section: String,
    /// The simulator's verdict.
    pub ours: Judgement,
    /// The kernel's verdict.
    pub kernel: Judgement,
    /// How many runs were compared.
    pub runs: u32,
    /// What differs, the verdict first.
    pub differences: Vec<Difference>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// A verdict of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What was decided.
    pub decision: Decision,
    /// Instructions processed.
    pub insns: u64,
    /// The verifier's log.
    pub log: String,
}

/// What a side decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// It can be loaded.
    #[default]
    Accepted,
    /// It is refused.
    Refused {
        /// With this error number.
        errno: i32,
        /// In these words.
        reason: String,
    },
    /// The side could not judge it.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// Something that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What: `verdict`, `errno`, `return value`, `packet`, `map NAME`, `map NAME creation`, `trace`,
    /// `event NAME`.
    pub what: String,
    /// The simulator's.
    pub ours: String,
    /// The kernel's.
    pub kernel: String,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Decision::Accepted => f.write_str("accepted"),
            Decision::Refused { errno, reason } => {
                write!(f, "refused with {}: {reason}", errno_name(*errno))
            }
            Decision::Unknown { reason } => write!(f, "not judged: {reason}"),
        }
    }
}

/// A program, or why it does not link.
type LinkedProgram = Result<Arc<Program>, Box<LinkError>>;

/// Compares every program of a subject.
///
/// # Errors
/// It is no object, or the kernel cannot be asked.
pub fn compare(
    kernel: &mut dyn Kernel,
    subject: &Subject,
    options: &Options,
) -> Result<Vec<Compared>, DiffError> {
    let linked = link(subject, options)?;
    let programs: Vec<&Arc<Program>> = linked.iter().flatten().collect();
    let (results, mut differences) = match programs.first() {
        Some(first) => {
            let result = judge(kernel, first, &programs)?;
            (result.programs, created(first, &result.maps))
        }
        None => Default::default(),
    };
    let mut results = results.into_iter();
    let mut compared = Vec::new();
    for program in &linked {
        let one = match program {
            Ok(program) => match results.next() {
                Some(result) => both(kernel, subject, program, &programs, &result, options)?,
                None => continue,
            },
            Err(error) => unlinked(error),
        };
        let name = &one.program;
        if options.programs.is_empty() || options.programs.contains(name) {
            compared.push(one);
        }
    }
    // Maps are the whole object's; what differs stands with the first program that is shown.
    if let Some(first) = compared.first_mut() {
        first.differences.append(&mut differences);
    }
    Ok(compared)
}

fn link(subject: &Subject, options: &Options) -> Result<Vec<LinkedProgram>, DiffError> {
    Ok(match subject {
        Subject::Object { name, bytes } => {
            let object = Object::parse(name, bytes).map_err(Box::new)?;
            let linked = object.link(&LinkOptions {
                target_btf: options.kernel_btf.as_deref(),
                module_btfs: &options.module_btfs,
                target: options.target.as_deref(),
                setup: Some(&options.setup),
                ..LinkOptions::default()
            });
            let programs = linked.programs.into_iter();
            programs
                .map(|program| program.map(Arc::new).map_err(Box::new))
                .collect()
        }
        Subject::Program(program) => vec![Ok(Arc::new((**program).clone()))],
    })
}

/// How the answers to an object's maps differ.
fn created(first: &Program, theirs: &[Result<(), MapFailure>]) -> Vec<Difference> {
    match creation::compare(&first.maps, theirs) {
        Ok(differences) => differences,
        Err(error) => vec![Difference {
            what: "maps".to_owned(),
            ours: error,
            kernel: "not compared".to_owned(),
        }],
    }
}

/// What the kernel says of the maps and programs of an object.
fn judge(
    kernel: &mut dyn Kernel,
    first: &Program,
    programs: &[&Arc<Program>],
) -> Result<JobResult, KernelError> {
    let programs = programs.iter().map(|program| program.as_ref());
    let mut job = Job::new(first.btf.as_deref(), &first.maps, programs);
    for program in &mut job.programs {
        program.log_level = LOG_LEVEL;
    }
    kernel.execute(&job)
}

fn both(
    kernel: &mut dyn Kernel,
    subject: &Subject,
    program: &Arc<Program>,
    all: &[&Arc<Program>],
    result: &ProgramResult,
    options: &Options,
) -> Result<Compared, DiffError> {
    let env = Env {
        kernel_btf: options.kernel_btf.clone(),
        log_level: LogLevel::Path,
        ..Env::default()
    };
    let ours = of_simulator(verify(program, &env));
    let theirs = of_kernel(result);
    let mut compared = Compared {
        program: program.name.clone(),
        section: program.section.clone(),
        differences: verdicts(&ours, &theirs).into_iter().collect(),
        notes: Vec::new(),
        runs: 0,
        ours,
        kernel: theirs,
    };
    if let Decision::Unknown { reason } = &compared.kernel.decision {
        compared.notes.push(format!("the kernel: {reason}"));
    }
    let accepted = [&compared.ours, &compared.kernel];
    if accepted
        .iter()
        .all(|side| side.decision == Decision::Accepted)
    {
        run::compare(kernel, subject, program, all, options, &mut compared)?;
    }
    Ok(compared)
}

fn unlinked(error: &LinkError) -> Compared {
    let reason = error.source.to_string();
    let unknown = Judgement {
        decision: Decision::Unknown {
            reason: reason.clone(),
        },
        ..Judgement::default()
    };
    Compared {
        program: error.program.clone(),
        section: error.section.clone(),
        ours: unknown.clone(),
        kernel: unknown,
        runs: 0,
        differences: vec![Difference {
            what: "link".to_owned(),
            ours: reason,
            kernel: "not asked".to_owned(),
        }],
        notes: Vec::new(),
    }
}

fn of_simulator(verdict: Result<Verified, Box<Rejection>>) -> Judgement {
    match verdict {
        Ok(verified) => Judgement {
            decision: Decision::Accepted,
            insns: verified.stats.insns_processed,
            log: verified.log,
        },
        Err(rejection) => Judgement {
            insns: rejection.stats.insns_processed,
            decision: match rejection.unsupported {
                true => Decision::Unknown {
                    reason: rejection.message,
                },
                false => Decision::Refused {
                    errno: rejection.errno.number(),
                    reason: rejection.message,
                },
            },
            log: rejection.log,
        },
    }
}

fn of_kernel(result: &ProgramResult) -> Judgement {
    Judgement {
        decision: match &result.verdict {
            Verdict::Accepted => Decision::Accepted,
            // Policy, such as `bpf` missing among the security modules, speaks without a log.
            Verdict::Refused { errno: EPERM } if result.log.is_empty() => Decision::Unknown {
                reason: "EPERM before its verifier was asked".to_owned(),
            },
            Verdict::Refused { errno } => Decision::Refused {
                errno: *errno,
                reason: log::reason(&result.log).unwrap_or_default().to_owned(),
            },
            Verdict::Unloadable { reason } => Decision::Unknown {
                reason: reason.clone(),
            },
        },
        insns: result.stats.map_or(0, |stats| stats.insns),
        log: result.log.clone(),
    }
}

/// How two verdicts differ. What the kernel could not be asked is no difference; what the
/// simulator cannot judge is one.
fn verdicts(ours: &Judgement, kernel: &Judgement) -> Option<Difference> {
    let what = match (&ours.decision, &kernel.decision) {
        (_, Decision::Unknown { .. }) | (Decision::Accepted, Decision::Accepted) => return None,
        (Decision::Refused { errno: a, .. }, Decision::Refused { errno: b, .. }) if a == b => {
            return None;
        }
        (Decision::Refused { .. }, Decision::Refused { .. }) => "errno",
        _ => "verdict",
    };
    Some(Difference {
        what: what.to_owned(),
        ours: ours.decision.to_string(),
        kernel: kernel.decision.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(errno: i32, reason: &str) -> Judgement {
        Judgement {
            decision: Decision::Refused {
                errno,
                reason: reason.to_owned(),
            },
            ..Judgement::default()
        }
    }

    #[test]
    fn verdicts_differ_in_errno_but_not_in_words() {
        let accepted = Judgement::default();
        assert_eq!(verdicts(&accepted, &accepted), None);
        assert_eq!(verdicts(&refused(13, "a"), &refused(13, "b")), None);
        let errno = verdicts(&refused(13, "a"), &refused(22, "a")).expect("it differs");
        assert_eq!(
            (errno.what.as_str(), errno.ours.as_str()),
            ("errno", "refused with EACCES: a")
        );
        let verdict = verdicts(&accepted, &refused(22, "a")).expect("it differs");
        assert_eq!(
            (verdict.what.as_str(), verdict.ours.as_str()),
            ("verdict", "accepted")
        );
    }

    #[test]
    fn kernel_that_cannot_be_asked_disagrees_with_nothing() {
        let unknown = Judgement {
            decision: Decision::Unknown {
                reason: String::new(),
            },
            ..Judgement::default()
        };
        assert_eq!(verdicts(&refused(13, ""), &unknown), None);
        assert!(verdicts(&unknown, &refused(13, "")).is_some());
    }
}
