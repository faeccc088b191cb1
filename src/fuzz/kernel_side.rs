//! A real kernel's side: cases as jobs, and what came of them.
//!
//! Without the cargo feature `kernel` there is nobody to ask, and no [`Referee`] can be made.

use super::{Case, Hazard, Observed};

/// What a kernel says of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Their {
    /// It accepts it.
    Accepted,
    /// It refuses it.
    Refused {
        /// With this sentence.
        message: String,
    },
    /// It was not asked: the program might crash it.
    Withheld,
    /// It could not be asked.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// What a kernel makes of a case.
#[derive(Clone, Debug)]
pub struct Theirs {
    /// Its verdict.
    pub verdict: Their,
    /// What a run left, if it was run.
    pub observed: Option<Observed>,
}

/// What may be asked of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caution {
    /// Everything: it is a guest, whose crash is an answer.
    None,
    /// Nothing that is known to crash some kernel: others depend on it.
    High,
}

#[cfg(all(feature = "kernel", target_os = "linux"))]
mod with {
    use std::collections::BTreeMap;

    use super::{Case, Caution, Hazard, Observed, Their, Theirs};
    use crate::abi::ProgType;
    use crate::isa::{Imm64, Insn, encode_program};
    use crate::kernel::job::{Job, JobResult, RunJob, Verdict};
    use crate::kernel::{Kernel, KernelError};

    /// How much of what the verifier says is asked for: only a refusal's reason, and only then.
    const PATH: u32 = 1;

    /// The kernel cannot be asked.
    pub type AskError = KernelError;

    /// A kernel that is asked about cases.
    pub struct Referee<'k> {
        kernel: &'k mut dyn Kernel,
        caution: Caution,
        /// Reasons by what was refused: shrinking asks the same again and again.
        reasons: BTreeMap<Vec<u8>, String>,
    }

    impl<'k> Referee<'k> {
        /// Asks that kernel.
        pub fn new(kernel: &'k mut dyn Kernel, caution: Caution) -> Referee<'k> {
            Referee {
                kernel,
                caution,
                reasons: BTreeMap::new(),
            }
        }

        /// The kernel's release.
        pub fn release(&self) -> &str {
            &self.kernel.info().release
        }

        /// What it makes of each case.
        ///
        /// # Errors
        /// It cannot be asked.
        pub fn ask(&mut self, cases: &[(&Case, Hazard)]) -> Result<Vec<Theirs>, AskError> {
            let caution = self.caution;
            let is_asked = |hazard: Hazard| caution == Caution::None || hazard == Hazard::None;
            let asked: Vec<&Case> = cases
                .iter()
                .filter(|(_, hazard)| is_asked(*hazard))
                .map(|(case, _)| *case)
                .collect();
            let result = self.kernel.execute(&job(&asked, 0))?;
            let mut next = 0;
            let answer = |(case, hazard): &(&Case, Hazard)| {
                if !is_asked(*hazard) {
                    return Theirs {
                        verdict: Their::Withheld,
                        observed: None,
                    };
                }
                next += 1;
                theirs(next - 1, case, &result)
            };
            Ok(cases.iter().map(answer).collect())
        }

        /// Why it refuses a program.
        ///
        /// # Errors
        /// It cannot be asked.
        pub fn reason(&mut self, case: &Case) -> Result<String, AskError> {
            let mut job = job(&[case], PATH);
            job.runs.clear();
            let key = job
                .programs
                .first()
                .map(|program| program.insns.clone())
                .unwrap_or_default();
            if let Some(reason) = self.reasons.get(&key) {
                return Ok(reason.clone());
            }
            let result = self.kernel.execute(&job)?;
            let log = result.programs.first().map(|program| program.log.as_str());
            let reason = log
                .and_then(crate::kernel::log::reason)
                .unwrap_or("no reason given");
            self.reasons.insert(key, reason.to_owned());
            Ok(reason.to_owned())
        }
    }

    /// All cases as one job, each with maps of its own.
    fn job(cases: &[&Case], log_level: u32) -> Job {
        let mut all = Job::default();
        for (program, case) in (0..).zip(cases) {
            let first = u32::try_from(all.maps.len()).unwrap_or(u32::MAX);
            let mut one = Job::of_program(&case.program);
            for (map, pairs) in one.maps.iter_mut().zip(&case.input.maps) {
                map.values.clone_from(pairs);
            }
            for program in &mut one.programs {
                program.log_level = log_level;
                program.insns = shifted(&case.insns, first);
            }
            let maps = u32::try_from(one.maps.len()).unwrap_or(0);
            all.read_maps
                .extend((0..maps).map(|map| first.saturating_add(map)));
            all.maps.append(&mut one.maps);
            all.programs.append(&mut one.programs);
            all.runs.push(RunJob {
                program,
                data: Some(case.input.packet.clone()),
                ctx: context(case),
                repeat: 1,
                ..RunJob::default()
            });
        }
        all
    }

    /// The context that a run needs: an `xdp_md` says where the packet ends, and one of zeros, which
    /// the kernel supposes when it is to give a context back, that there is none.
    fn context(case: &Case) -> Option<Vec<u8>> {
        let len = u32::try_from(case.input.packet.len()).unwrap_or(0);
        let md = [0, len, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
        (case.program.prog_type == ProgType::Xdp).then_some(md)
    }

    /// The bytes of a program whose maps have moved.
    fn shifted(insns: &[Insn], by: u32) -> Vec<u8> {
        let mut insns = insns.to_vec();
        for insn in &mut insns {
            if let Insn::LoadImm64 {
                value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
                ..
            } = insn
            {
                *fd = fd.saturating_add_unsigned(by);
            }
        }
        encode_program(&insns)
            .iter()
            .flat_map(|slot| slot.to_le_bytes())
            .collect()
    }

    fn theirs(index: usize, case: &Case, result: &JobResult) -> Theirs {
        let verdict = match result.programs.get(index).map(|program| &program.verdict) {
            Some(Verdict::Accepted) => Their::Accepted,
            Some(Verdict::Refused { errno }) => Their::Refused {
                message: format!("error {errno}"),
            },
            Some(Verdict::Unloadable { reason }) => Their::Unknown {
                reason: reason.clone(),
            },
            None => Their::Unknown {
                reason: "no answer".to_owned(),
            },
        };
        let run = result.runs.get(index).and_then(|run| run.as_ref().ok());
        let maps = case.program.maps.len();
        let contents = result.contents.get(index * maps..(index + 1) * maps);
        let observed = run.zip(contents).map(|(run, contents)| Observed {
            retval: run.retval,
            packet: run.data.clone(),
            maps: contents
                .iter()
                .map(|map| {
                    let mut entries = map.as_ref().map_or(Vec::new(), |map| map.entries.clone());
                    entries.sort();
                    entries
                })
                .collect(),
        });
        Theirs { verdict, observed }
    }
}

#[cfg(all(feature = "kernel", target_os = "linux"))]
pub use with::{AskError, Referee};

#[cfg(not(all(feature = "kernel", target_os = "linux")))]
mod without {
    use std::convert::Infallible;
    use std::marker::PhantomData;

    use super::{Case, Hazard, Theirs};

    /// Nobody can be asked, so asking never fails.
    #[derive(Debug, thiserror::Error)]
    #[error("there is no kernel")]
    pub struct AskError(Infallible);

    /// Nobody.
    pub struct Referee<'k>(Infallible, PhantomData<&'k ()>);

    impl Referee<'_> {
        /// Nobody's release.
        pub fn release(&self) -> &str {
            match self.0 {}
        }

        /// What nobody makes of cases.
        ///
        /// # Errors
        /// Never.
        pub fn ask(&mut self, _cases: &[(&Case, Hazard)]) -> Result<Vec<Theirs>, AskError> {
            match self.0 {}
        }

        /// Why nobody refuses a program.
        ///
        /// # Errors
        /// Never.
        pub fn reason(&mut self, _case: &Case) -> Result<String, AskError> {
            match self.0 {}
        }
    }
}

#[cfg(not(all(feature = "kernel", target_os = "linux")))]
pub use without::{AskError, Referee};
