//! Many cases, ours against what must be and, if there is one, against a real kernel.
//!
//! It prints nothing and writes no file.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::kernel_side::{AskError, Referee, Their, Theirs};
use super::known::{self, Stage};
use super::lab::{Compared, Ran};
use super::{Case, Generator, Hazard, Input, Lab, LabError, Observed, Unsound, rewrite};
use crate::isa::{Insn, Reg};
use crate::verifier::Verified;

/// What we say of a case.
#[derive(Debug)]
pub enum Ours {
    /// The verifier refuses it.
    Refused {
        /// With this sentence.
        message: String,
    },
    /// The simulator lacks something: nothing is compared.
    Unsupported {
        /// What.
        message: String,
    },
    /// It is accepted, and runs as it must.
    Accepted {
        /// What a run left.
        observed: Box<Observed>,
        /// Whether that may hang on where things lie.
        shows_address: bool,
        /// The most branches that waited at once to be judged.
        peak_pending: u64,
        /// How many steps of it were held against what the verifier held of them.
        steps: u64,
    },
    /// It is accepted, and then something is wrong.
    Unsound(Unsound),
    /// Judging or running it panicked.
    Panicked {
        /// The panic's message.
        message: String,
    },
}

/// What is wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// We accept what the kernel refuses.
    #[error("false accept: the kernel says: {theirs}")]
    FalseAccept {
        /// The kernel's sentence.
        theirs: String,
    },
    /// We refuse what the kernel accepts.
    #[error("false reject: we say: {ours}")]
    FalseReject {
        /// Our sentence.
        ours: String,
    },
    /// A run gives something else.
    #[error("{what} differs: ours {ours}, the kernel's {theirs}")]
    Result {
        /// What: `return value`, `packet`, `map NAME`.
        what: String,
        /// Ours.
        ours: String,
        /// The kernel's.
        theirs: String,
    },
    /// It is wrong whatever a kernel says.
    #[error(transparent)]
    Unsound(Unsound),
    /// Judging or running it panicked.
    #[error("panic: {message}")]
    Panic {
        /// The panic's message.
        message: String,
    },
}

/// A disagreement, as small as it could be made.
#[derive(Debug)]
pub struct Finding {
    /// The number of the case in its seed.
    pub number: u64,
    /// The small case.
    pub case: Case,
    /// What is wrong with it.
    pub disagreement: Disagreement,
}

/// How many cases there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All.
    pub programs: u64,
    /// Those we accepted.
    pub accepted: u64,
    /// Those we refused.
    pub rejected: u64,
    /// Those that were not compared: the simulator lacks something.
    pub unsupported: u64,
    /// Those that the kernel was not asked about, since they might crash it.
    pub withheld: u64,
    /// Those with nothing wrong.
    pub agreed: u64,
    /// Those with something wrong, for reasons known or not.
    pub disagreed: u64,
    /// Of these, those for reasons known.
    pub known: u64,
    /// Steps of accepted programs before which registers and stack were held against what the
    /// verifier held of them.
    pub steps: u64,
}

/// Ends the search for a smaller case after so many tries.
const TRIES: usize = 1500;

/// Ends it after so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many findings of one kind are made small; the others are only counted.
const OF_A_KIND: u32 = 2;

/// On how many inputs beside its own each accepted program runs.
const INPUTS: u64 = 32;

/// How far apart two machines have the same things: no multiple of anything.
const GAP: u64 = 0x2f_35a8;

/// Why a campaign cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// Our side.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The kernel's side.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// A search for disagreements.
pub struct Campaign<'k> {
    generator: Generator,
    /// What each accepted program runs on beside its own input.
    inputs: Vec<Input>,
    lab: Lab,
    /// Another machine, where everything lies elsewhere.
    elsewhere: Lab,
    /// How often each kind of disagreement was met.
    seen: BTreeMap<String, u32>,
    reasons: BTreeMap<String, u32>,
    /// How long making cases small took.
    shrinking: Duration,
    referee: Option<Referee<'k>>,
    /// Who is asked about what the referee disagrees with.
    second: Option<Referee<'k>>,
    /// Counts so far.
    pub totals: Totals,
}

impl<'k> Campaign<'k> {
    /// A search among the cases of a seed.
    ///
    /// # Errors
    /// There is no memory for a machine.
    pub fn new(seed: u64, referee: Option<Referee<'k>>) -> Result<Campaign<'k>, CampaignError> {
        Ok(Campaign {
            generator: Generator::new(seed),
            inputs: Vec::new(),
            lab: Lab::new()?,
            elsewhere: Lab::moved(GAP)?,
            seen: BTreeMap::new(),
            reasons: BTreeMap::new(),
            shrinking: Duration::ZERO,
            referee,
            second: None,
            totals: Totals::default(),
        }
        .with_inputs(INPUTS))
    }

    /// With so many inputs for each accepted program beside its own.
    #[must_use]
    pub fn with_inputs(mut self, count: u64) -> Campaign<'k> {
        let cases = (0..count).map(|number| self.generator.case(u64::MAX - number));
        self.inputs = cases.map(|case| case.case().input).collect();
        self
    }

    /// A second kernel, to be asked about what the first disagrees with: where it says as we do,
    /// the kernels differ, and no finding is made of it.
    #[must_use]
    pub fn with_second(self, second: Option<Referee<'k>>) -> Campaign<'k> {
        Campaign { second, ..self }
    }

    /// Tries the cases of these numbers, and gives what is wrong, made small.
    ///
    /// # Errors
    /// A machine or a kernel fails.
    pub fn batch(&mut self, numbers: &[u64]) -> Result<Vec<Finding>, CampaignError> {
        let cases: Vec<Case> = numbers
            .iter()
            .map(|number| self.generator.case(*number).case())
            .collect();
        let ours: Result<Vec<Ours>, _> = cases.iter().map(|case| self.ours(case)).collect();
        let ours = ours?;
        let theirs = ask(&mut self.referee, &cases, &ours)?;
        let mut findings = Vec::new();
        let answers = ours.iter().zip(theirs);
        for ((number, case), (ours, theirs)) in numbers.iter().zip(&cases).zip(answers) {
            self.count(ours);
            let is_withheld = theirs
                .as_ref()
                .is_some_and(|theirs| theirs.verdict == Their::Withheld);
            self.totals.withheld += u64::from(is_withheld);
            let found = self.compare(case, ours, theirs.as_ref());
            let Some(disagreement) = self.explain(case, found)? else {
                let is_compared = !is_withheld && !matches!(ours, Ours::Unsupported { .. });
                self.totals.agreed += u64::from(is_compared);
                continue;
            };
            self.totals.disagreed += 1;
            findings.extend(self.found(*number, case, disagreement)?);
        }
        Ok(findings)
    }

    /// The finding that a disagreement is, unless its reason is known or its kind is.
    fn found(
        &mut self,
        number: u64,
        case: &Case,
        disagreement: Disagreement,
    ) -> Result<Option<Finding>, CampaignError> {
        if self.is_known(&disagreement, case, Stage::Found)? {
            return Ok(None);
        }
        let kind = disagreement.sign();
        let seen = self.seen.get(&kind).copied().unwrap_or(0);
        let start = Instant::now();
        let finding = match seen < OF_A_KIND {
            true => Some(self.smallest(number, disagreement.clone())?),
            false => None,
        };
        self.shrinking += start.elapsed();
        let is_known = match &finding {
            Some(Finding {
                disagreement, case, ..
            }) => self.is_known(disagreement, case, Stage::Smallest)?,
            None => false,
        };
        let finding = match (is_known, &self.second) {
            (false, _) => finding,
            (true, None) => return Ok(None),
            // It became another one while it was made small.
            (true, Some(_)) => Some(Finding {
                number,
                case: case.clone(),
                disagreement,
            }),
        };
        self.seen.insert(kind, seen.saturating_add(1));
        Ok(finding)
    }

    /// Whether the reason is known; of a case as it was found that is counted, and so it is of a
    /// small one if nobody was asked before.
    fn is_known(
        &mut self,
        disagreement: &Disagreement,
        case: &Case,
        stage: Stage,
    ) -> Result<bool, CampaignError> {
        let reason = match &self.second {
            Some(second) => {
                let reason = format!("Linux {} says what we say", second.release());
                (!self.second_disagrees(case)?).then_some(reason)
            }
            None => known::of(disagreement, case, self.release(), stage)
                .map(|known| known.reason.to_owned()),
        };
        let Some(reason) = reason else {
            return Ok(false);
        };
        if self.second.is_none() || stage == Stage::Found {
            self.totals.known += 1;
            *self.reasons.entry(reason).or_default() += 1;
        }
        Ok(true)
    }

    fn second_disagrees(&mut self, case: &Case) -> Result<bool, CampaignError> {
        let ours = self.ours(case)?;
        let theirs = ask_one(&mut self.second, case, &ours)?;
        Ok(self.compare(case, &ours, theirs.as_ref()).is_some())
    }

    /// The reasons known, with how often they were met.
    pub fn reasons(&self) -> &BTreeMap<String, u32> {
        &self.reasons
    }

    /// The kernel's release.
    pub fn release(&self) -> Option<&str> {
        self.referee.as_ref().map(Referee::release)
    }

    fn count(&mut self, ours: &Ours) {
        self.totals.programs += 1;
        match ours {
            Ours::Refused { .. } => self.totals.rejected += 1,
            Ours::Unsupported { .. } => self.totals.unsupported += 1,
            Ours::Accepted { steps, .. } => {
                self.totals.accepted += 1;
                self.totals.steps += steps;
            }
            Ours::Unsound(_) => self.totals.accepted += 1,
            Ours::Panicked { .. } => {}
        }
    }

    /// What we say of a case.
    fn ours(&self, case: &Case) -> Result<Ours, CampaignError> {
        // The machine locks nothing over a panic that it could not go on without.
        let caught = catch_unwind(AssertUnwindSafe(|| self.examine(case)));
        caught.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Ok(Ours::Panicked {
                message: text.unwrap_or_else(|| "no message".to_owned()),
            })
        })
    }

    fn examine(&self, case: &Case) -> Result<Ours, CampaignError> {
        let verified = match self.lab.judge(case) {
            Ok(verified) => verified,
            Err(rejection) if rejection.unsupported => {
                let message = rejection.message;
                return Ok(Ours::Unsupported { message });
            }
            Err(rejection) => {
                let message = rejection.message;
                return Ok(Ours::Refused { message });
            }
        };
        let compared = self.compare_steps(case, &verified)?.0;
        if let Some(claim) = compared.found {
            return Ok(Ours::Unsound(Unsound::Claim(claim)));
        }
        Ok(match self.lab.check(case, &verified)? {
            Ok(Ran { observed, .. }) => Ours::Accepted {
                observed: Box::new(observed),
                steps: compared.steps,
                shows_address: verified.facts.iter().any(|fact| fact.shows_address),
                peak_pending: verified.stats.peak_pending,
            },
            Err(unsound) => Ours::Unsound(unsound),
        })
    }

    /// Holds each step, on many inputs, against what the verifier held before it. Gives the input
    /// on which a claim is not true, too.
    fn compare_steps(
        &self,
        case: &Case,
        verified: &Verified,
    ) -> Result<(Compared, Option<Input>), CampaignError> {
        let Some(recording) = self.lab.record(case) else {
            return Ok((Compared::default(), None));
        };
        let inputs = std::iter::once(&case.input).chain(&self.inputs);
        // What cannot be lowered is told by the check that follows.
        Ok(match self.lab.compare(verified, &recording, inputs) {
            Ok((compared, telling)) => (compared, telling.cloned()),
            Err(_) => (Compared::default(), None),
        })
    }

    /// The case with the input that shows what is wrong with it.
    fn with_telling_input(&self, case: Case) -> Result<Case, CampaignError> {
        let Ok(verified) = self.lab.judge(&case) else {
            return Ok(case);
        };
        let (_, telling) = self.compare_steps(&case, &verified)?;
        Ok(match telling {
            Some(input) => Case { input, ..case },
            None => case,
        })
    }

    /// What is wrong with a case, if something is.
    fn compare(&self, case: &Case, ours: &Ours, theirs: Option<&Theirs>) -> Option<Disagreement> {
        let observed = match (ours, theirs.map(|theirs| &theirs.verdict)) {
            (Ours::Panicked { message }, _) => {
                let message = message.clone();
                return Some(Disagreement::Panic { message });
            }
            (Ours::Refused { message }, Some(Their::Accepted)) => {
                let ours = message.clone();
                return Some(Disagreement::FalseReject { ours });
            }
            (Ours::Accepted { .. } | Ours::Unsound(_), Some(Their::Refused { message })) => {
                let theirs = message.clone();
                return Some(Disagreement::FalseAccept { theirs });
            }
            (Ours::Unsound(unsound), _) => return Some(Disagreement::Unsound(unsound.clone())),
            (Ours::Refused { .. } | Ours::Unsupported { .. }, _) => return None,
            (
                Ours::Accepted {
                    shows_address: true,
                    ..
                },
                _,
            ) => return None,
            (Ours::Accepted { observed, .. }, _) => observed,
        };
        let theirs = theirs?.observed.as_ref()?;
        let difference = differs(case, observed, theirs)?;
        (!self.depends_on_layout(case, observed)).then_some(difference)
    }

    /// Whether what a program does depends on addresses or on what its stack held before.
    fn depends_on_layout(&self, case: &Case, observed: &Observed) -> bool {
        let stacks =
            [0, 1, -0x5a5a_5a5b].map(|pattern| rewrite::with_full_stacks(&case.insns, pattern));
        let filled = stacks.map(|insns| case.with(insns));
        let differs = |lab: &Lab, case: &Case| {
            let ran = lab.run_unverified(case);
            ran.is_ok_and(|ran| ran.observed != *observed)
        };
        let anywhere =
            |lab: &Lab| differs(lab, case) || filled.iter().any(|filled| differs(lab, filled));
        anywhere(&self.lab) || anywhere(&self.elsewhere)
    }

    /// The case of that number, made small.
    fn smallest(
        &mut self,
        number: u64,
        disagreement: Disagreement,
    ) -> Result<Finding, CampaignError> {
        let mut failure = None;
        let seed = self.generator.seed();
        let sign = disagreement.sign();
        let deadline = Instant::now() + PATIENCE;
        let mut is_wanted = |case: &Case| {
            if Instant::now() > deadline {
                return false;
            }
            match self.disagreement(case) {
                Ok(found) => found.is_some_and(|found| found.sign() == sign),
                Err(error) => {
                    failure.get_or_insert(error);
                    false
                }
            }
        };
        let generator = Generator::new(seed);
        let shrunk = generator.case(number).shrink(&mut is_wanted);
        let keeps_stack = matches!(disagreement, Disagreement::Result { .. });
        let case = reduce(shrunk, keeps_stack.into(), &mut is_wanted);
        match failure {
            Some(error) => Err(error),
            None => {
                let case = self.with_telling_input(case)?;
                let found = self.disagreement(&case)?;
                Ok(Finding {
                    number,
                    disagreement: found.unwrap_or(disagreement),
                    case,
                })
            }
        }
    }

    /// What is wrong with one case.
    ///
    /// # Errors
    /// A machine or a kernel fails.
    pub fn disagreement(&mut self, case: &Case) -> Result<Option<Disagreement>, CampaignError> {
        let ours = self.ours(case)?;
        let theirs = ask_one(&mut self.referee, case, &ours)?;
        let found = self.compare(case, &ours, theirs.as_ref());
        self.explain(case, found)
    }

    /// Adds the kernel's sentence, which it is only asked for when it matters.
    fn explain(
        &mut self,
        case: &Case,
        found: Option<Disagreement>,
    ) -> Result<Option<Disagreement>, CampaignError> {
        match (found, &mut self.referee) {
            (Some(Disagreement::FalseAccept { .. }), Some(referee)) => {
                let theirs = referee.reason(case)?;
                Ok(Some(Disagreement::FalseAccept { theirs }))
            }
            (found, _) => Ok(found),
        }
    }

    /// What the kernel makes of one case, with its reason if it refuses.
    ///
    /// # Errors
    /// The kernel fails.
    pub fn theirs(&mut self, case: &Case) -> Result<Option<Theirs>, CampaignError> {
        let ours = self.ours(case)?;
        let mut theirs = ask_one(&mut self.referee, case, &ours)?;
        if let (Some(theirs), Some(referee)) = (&mut theirs, &mut self.referee)
            && let Their::Refused { message } = &mut theirs.verdict
        {
            *message = referee.reason(case)?;
        }
        Ok(theirs)
    }

    /// How long making cases small took so far.
    pub fn shrinking(&self) -> Duration {
        self.shrinking
    }

    /// The disagreements met so far that have no known reason, by kind, with how often.
    pub fn kinds(&self) -> &BTreeMap<String, u32> {
        &self.seen
    }
}

/// What a kernel, if there is one, makes of cases of which we say that.
fn ask(
    referee: &mut Option<Referee<'_>>,
    cases: &[Case],
    ours: &[Ours],
) -> Result<Vec<Option<Theirs>>, CampaignError> {
    let Some(referee) = referee else {
        return Ok(cases.iter().map(|_| None).collect());
    };
    let asked = cases.iter().zip(ours);
    let asked = asked.map(|(case, ours)| (case, Hazard::of(&case.insns, ours)));
    let answers = referee.ask(&asked.collect::<Vec<_>>())?;
    Ok(answers.into_iter().map(Some).collect())
}

fn ask_one(
    referee: &mut Option<Referee<'_>>,
    case: &Case,
    ours: &Ours,
) -> Result<Option<Theirs>, CampaignError> {
    let answers = referee
        .as_mut()
        .map(|referee| referee.ask(&[(case, Hazard::of(&case.insns, ours))]));
    Ok(answers.transpose()?.and_then(|mut answers| answers.pop()))
}

/// Which instructions may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removable {
    All,
    /// Without what fills the stack, a run sees what others left there.
    AllButStackStores,
}

impl From<bool> for Removable {
    fn from(keeps_stack: bool) -> Removable {
        if keeps_stack {
            Removable::AllButStackStores
        } else {
            Removable::All
        }
    }
}

/// Takes out instructions one by one, as long as the case stays wanted.
fn reduce(mut case: Case, may: Removable, is_wanted: &mut impl FnMut(&Case) -> bool) -> Case {
    let mut tries = 0;
    loop {
        let before = case.insns.len();
        let mut at = before;
        while at > 0 && tries < TRIES {
            at -= 1;
            let fills = matches!(
                case.insns.get(at),
                Some(Insn::Store { base, .. }) if *base == Reg::FP
            );
            if fills && may == Removable::AllButStackStores {
                continue;
            }
            let Some(insns) = rewrite::without(&case.insns, at) else {
                continue;
            };
            tries += 1;
            let smaller = case.with(insns);
            if is_wanted(&smaller) {
                case = smaller;
                at = at.min(case.insns.len());
            }
        }
        if case.insns.len() == before || tries >= TRIES {
            return case;
        }
    }
}

impl Disagreement {
    /// What stays the same while a case shrinks: the kind, and the sentence without numbers.
    pub fn sign(&self) -> String {
        let words = |text: &str| -> String {
            let letters = text.chars().filter(|c| !c.is_ascii_digit() && *c != '-');
            letters.collect()
        };
        match self {
            Disagreement::FalseAccept { theirs } => format!("false accept: {}", words(theirs)),
            Disagreement::FalseReject { ours } => format!("false reject: {}", words(ours)),
            Disagreement::Result { what, .. } => format!("result: {what}"),
            Disagreement::Unsound(Unsound::Trap(trap)) => {
                let cause = trap.cause.to_string();
                format!(
                    "trap: {}",
                    words(cause.split("0x").next().unwrap_or_default())
                )
            }
            Disagreement::Unsound(Unsound::Claim(_)) => "claim".to_owned(),
            Disagreement::Unsound(Unsound::Lower(_)) => "lower".to_owned(),
            Disagreement::Unsound(Unsound::Facts { what, .. }) => format!("facts: {what}"),
            Disagreement::Unsound(Unsound::Engines { what, .. }) => format!("engines: {what}"),
            Disagreement::Panic { message } => format!("panic: {}", words(message)),
        }
    }
}

/// The first thing in which two runs differ.
pub fn differs(case: &Case, ours: &Observed, theirs: &Observed) -> Option<Disagreement> {
    let difference = |what: &str, ours: String, theirs: String| Disagreement::Result {
        what: what.to_owned(),
        ours,
        theirs,
    };
    if ours.retval != theirs.retval {
        let (ours, theirs) = (
            format!("{:#x}", ours.retval),
            format!("{:#x}", theirs.retval),
        );
        return Some(difference("return value", ours, theirs));
    }
    if ours.packet != theirs.packet {
        let (ours, theirs) = (hex(&ours.packet), hex(&theirs.packet));
        return Some(difference("packet", ours, theirs));
    }
    let maps = ours
        .maps
        .iter()
        .zip(&theirs.maps)
        .zip(case.program.maps.iter());
    for ((ours, theirs), spec) in maps {
        if ours != theirs {
            let text = |pairs: &[super::Pair]| -> String {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("{}={}", hex(key), hex(value)));
                pairs.collect::<Vec<_>>().join(" ")
            };
            return Some(difference(
                &format!("map {}", spec.name),
                text(ours),
                text(theirs),
            ));
        }
    }
    None
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
