//! `ebpf-sim test`: what programs' annotations expect of them, against what comes of them.
//!
//! Verdicts and logs are the verifier's; what is runnable with a packet or nothing is run.

mod annotations;
mod report;

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use ebpf_sim::abi::ProgType;
use ebpf_sim::events::Event;
use ebpf_sim::object::{Program, Sleepable};
use ebpf_sim::sim::{self, Selection, Sim};
use ebpf_sim::verifier::{Env, Rejection, Verified, verify};

use super::Exit;
use super::engine;
use super::input::{self, Inputs, Loaded};
use super::output::Output;

use self::annotations::{Annotations, Case, Message, Retval, Verdict, Who};

/// Bytes of the packet that annotated programs run on.
const PACKET: usize = 64;

/// Bytes of a header that programs on sockets do not see in a test run.
const LINK_HEADER: usize = 14;

/// Judge and run programs, and hold what comes of them against what they are annotated with.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim test --annotations progs/*.o
  ebpf-sim test --annotations progs/*.o --format junit >results.xml

Annotations are declaration tags of a program's function, as the kernel's own tests have them:
  __attribute__((btf_decl_tag(\"comment:test_expect_failure\")))
  __attribute__((btf_decl_tag(\"comment:test_expect_msg=0=R0 !read_ok\")))
  __attribute__((btf_decl_tag(\"comment:test_retval=42\")))

Exit status: 0 all is as annotated, 1 something is not, 2 usage, input or output.")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    /// Take what is expected from the programs' annotations.
    #[arg(long, required = true)]
    annotations: bool,
    /// Only what is expected without privileges.
    #[arg(long)]
    unpriv: bool,
    /// What runs programs.
    #[arg(long, value_name = "ENGINE", default_value = "interp")]
    engine: engine::Choice,
    /// How to print results.
    #[arg(long, value_name = "FORMAT", default_value = "libtest")]
    format: Format,
}

/// How to print results.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// As Rust's tests.
    Libtest,
    /// JUnit's XML.
    Junit,
}

/// A test and what came of it.
struct Tested {
    file: String,
    /// The program, and who loads it.
    name: String,
    outcome: Outcome,
}

/// What came of a test.
enum Outcome {
    Passed,
    Failed { reason: String },
    Ignored { reason: String },
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    of: u32,
    hold: u32,
}

/// What held, by what was expected.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    verdicts: Share,
    /// Of the verdicts that held.
    logs: Share,
    runs: Share,
}

impl Share {
    fn count(&mut self, holds: Result<(), ()>) {
        self.of += 1;
        self.hold += u32::from(holds.is_ok());
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.hold, self.of)
    }
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let Args {
        input,
        annotations: _,
        unpriv,
        engine,
        format,
    } = args;
    let inputs = input.resolve()?;
    let mut bench = Bench {
        inputs: &inputs,
        only: unpriv.then_some(Who::Unprivileged),
        engine: engine.into(),
        auxiliaries: Vec::new(),
        tested: Vec::new(),
        tally: Tally::default(),
    };
    let mut exit = Exit::Ok;
    for (number, loaded) in inputs.load().enumerate() {
        match loaded {
            Ok(loaded) => bench.file(number, &loaded),
            Err(error) => {
                output.error(&error)?;
                exit = Exit::Failure;
            }
        }
    }
    let Bench { tested, tally, .. } = bench;
    let has_failed = |test: &Tested| matches!(test.outcome, Outcome::Failed { .. });
    if tested.iter().any(has_failed) {
        exit = exit.max(Exit::Refused);
    }
    match format {
        Format::Libtest => report::libtest(output, &tested, &tally, exit)?,
        Format::Junit => report::junit(output, &tested)?,
    }
    Ok(exit)
}

/// The tests so far.
struct Bench<'a> {
    inputs: &'a Inputs,
    /// Whose tests are done, if not everybody's.
    only: Option<Who>,
    engine: sim::Engine,
    /// The programs of the file at hand that only help others.
    auxiliaries: Vec<String>,
    tested: Vec<Tested>,
    tally: Tally,
}

impl Bench<'_> {
    fn file(&mut self, number: usize, loaded: &Loaded) {
        let Some(btf) = &loaded.btf else { return };
        let linked = loaded.programs.iter().flatten();
        let helps = |program: &&Arc<Program>| {
            let annotations = Annotations::of(btf, &program.name).ok().flatten();
            annotations.is_some_and(|annotations| annotations.auxiliary)
        };
        let auxiliaries = linked.filter(helps).map(|program| program.name.clone());
        self.auxiliaries = auxiliaries.collect();
        for program in &loaded.programs {
            let name = match program {
                Ok(program) => &program.name,
                Err(error) => &error.program,
            };
            let annotations = match Annotations::of(btf, name) {
                Ok(Some(annotations)) => annotations,
                Ok(None) => continue,
                Err(error) => {
                    let reason = format!("{error:#}");
                    self.done(&loaded.file, name, Outcome::Failed { reason });
                    continue;
                }
            };
            if annotations.auxiliary {
                continue;
            }
            for case in annotations.cases() {
                if self.only.is_some_and(|only| only != case.who) {
                    continue;
                }
                let outcome = match (ignored(&annotations), program) {
                    (Some(reason), _) => Outcome::Ignored { reason },
                    (None, Ok(program)) => self.test(number, program, &annotations, case),
                    (None, Err(error)) => self.not_linked(&error.source.to_string(), case),
                };
                let name = match case.who {
                    Who::Privileged => name.clone(),
                    Who::Unprivileged => format!("{name} (unprivileged)"),
                };
                self.done(&loaded.file, &name, outcome);
            }
        }
    }

    fn done(&mut self, file: &str, name: &str, outcome: Outcome) {
        self.tested.push(Tested {
            file: file.to_owned(),
            name: name.to_owned(),
            outcome,
        });
    }

    /// Judges a program, and runs it if that is expected.
    fn test(
        &mut self,
        number: usize,
        program: &Arc<Program>,
        all: &Annotations,
        case: Case<'_>,
    ) -> Outcome {
        let env = Env {
            kernel_btf: self.inputs.kernel_btf.clone(),
            loader: case.loader,
            ..Env::default()
        }
        .with_log(log_level(all, case));
        let mut program = Arc::clone(program);
        if all.flags.sleepable == Sleepable::Yes {
            Arc::make_mut(&mut program).sleepable = Sleepable::Yes;
        }
        let judged = verify(&program, &env);
        let holds = as_expected(case, &judged);
        self.tally
            .verdicts
            .count(holds.as_ref().map(drop).map_err(drop));
        let log = match (&judged, holds) {
            (_, Err(reason)) => return Outcome::Failed { reason },
            (Ok(verified), Ok(())) => &verified.log,
            (Err(rejection), Ok(())) => &rejection.log,
        };
        if !case.messages.is_empty() {
            let found = find_all(case.messages, log);
            self.tally
                .logs
                .count(found.as_ref().map(drop).map_err(drop));
            if let Err(reason) = found {
                return Outcome::Failed { reason };
            }
        }
        match case.retval {
            Some(retval) if judged.is_ok() => self.run(number, &program, case, retval),
            Some(_) | None => Outcome::Passed,
        }
    }

    fn not_linked(&mut self, cause: &str, case: Case<'_>) -> Outcome {
        if case.verdict == Verdict::Failure && case.messages.is_empty() {
            self.tally.verdicts.count(Ok(()));
            return Outcome::Passed;
        }
        self.tally.verdicts.count(Err(()));
        let reason = format!("it does not link: {cause}");
        Outcome::Failed { reason }
    }

    fn run(&mut self, number: usize, program: &Program, case: Case<'_>, retval: Retval) -> Outcome {
        let Some(event) = input_of(program.prog_type) else {
            let reason = format!("{} programs are judged only", program.prog_type.name());
            return Outcome::Ignored { reason };
        };
        let outcome = match self.fire(number, program, case, &event) {
            Err(NotRun::Impossible(reason)) => Outcome::Ignored {
                reason: format!("it is accepted, but cannot run here: {reason}"),
            },
            Err(NotRun::Failed(reason)) => Outcome::Failed { reason },
            Ok(returned) => match retval {
                Retval::Number(number) if number != returned => Outcome::Failed {
                    reason: format!("it returned {returned:#x}, and not {number:#x}"),
                },
                Retval::Number(_) | Retval::Pointer => Outcome::Passed,
            },
        };
        let holds = matches!(outcome, Outcome::Passed);
        self.tally.runs.count(holds.then_some(()).ok_or(()));
        outcome
    }

    fn fire(
        &self,
        number: usize,
        program: &Program,
        case: Case<'_>,
        event: &Event,
    ) -> Result<u32, NotRun> {
        let mut programs = self.auxiliaries.clone();
        programs.push(program.name.clone());
        let options = sim::Options {
            kernel_btf: self.inputs.kernel_btf.clone(),
            programs: Selection::Named(programs),
            setup: Arc::clone(&self.inputs.setup),
            loader: case.loader,
            module_btfs: self.inputs.module_btfs.clone(),
            target: self.inputs.target.clone(),
            engine: self.engine,
            ..sim::Options::default()
        };
        let mut sim = Sim::new(options).map_err(NotRun::failed)?;
        let loaded = self.inputs.load_one_into(number, &mut sim);
        loaded.map_err(|error| NotRun::Failed(format!("{error:#}")))?;
        let own = sim.loads().iter().rev();
        let mut own = own.filter_map(|load| load.program(&program.name));
        let refusal = own.find_map(|loaded| loaded.verdict.refusal());
        if let Some(refusal) = refusal {
            return Err(NotRun::Impossible(refusal.to_string()));
        }
        let firing = sim.fire(event).map_err(NotRun::failed)?;
        let run = firing.runs().find(|run| *run.name == *program.name);
        let run = run.ok_or_else(|| NotRun::failed("nothing that happens reaches it"))?;
        match &run.outcome {
            Ok(r0) => Ok(*r0 as u32),
            Err(trap) => Err(NotRun::Failed(format!("it trapped: {trap}"))),
        }
    }
}

/// Why a program that is accepted returned nothing.
enum NotRun {
    /// It uses what the simulator has not.
    Impossible(String),
    Failed(String),
}

impl NotRun {
    fn failed(why: impl fmt::Display) -> NotRun {
        NotRun::Failed(why.to_string())
    }
}

/// Why a program is not tested here.
fn ignored(all: &Annotations) -> Option<String> {
    let is_here = |name: &String| name == "X86_64";
    if !all.architectures.is_empty() && !all.architectures.iter().any(is_here) {
        return Some(format!("it is for {}", all.architectures.join(", ")));
    }
    let flag = all.flags.others.first()?;
    Some(format!("load flag {flag} is not modelled yet"))
}

/// What is logged; of a refusal, what led there in any case.
fn log_level(all: &Annotations, case: Case<'_>) -> u32 {
    match all.log_level {
        0 if case.verdict == Verdict::Success && case.messages.is_empty() => 0,
        0 => 1,
        level => level,
    }
}

fn as_expected(case: Case<'_>, judged: &Result<Verified, Box<Rejection>>) -> Result<(), String> {
    match (case.verdict, judged) {
        (Verdict::Success, Ok(_)) => Ok(()),
        (Verdict::Failure, Err(rejection)) if !rejection.unsupported => Ok(()),
        (Verdict::Success | Verdict::Failure, Err(rejection)) => {
            let code = rejection.kind.map(|kind| format!("[{}]", kind.code));
            let code = code.unwrap_or_default();
            Err(format!("it is refused{code}: {}", rejection.message))
        }
        (Verdict::Failure, Ok(_)) => Err("it is accepted".to_owned()),
    }
}

/// Finds every message, each behind the one before.
fn find_all(messages: &[Message], log: &str) -> Result<(), String> {
    let mut rest = log;
    for message in messages {
        rest = message
            .after(rest)
            .ok_or_else(|| format!("the log does not say: {}\n{rest}", message.text))?;
    }
    Ok(())
}

/// What a test run gives programs of that type.
fn input_of(prog_type: ProgType) -> Option<Event> {
    if prog_type == ProgType::Syscall {
        return Event::parse("syscall", &[] as &[(&str, &str)]).ok();
    }
    let bytes = match prog_type {
        ProgType::Xdp | ProgType::SchedCls | ProgType::SchedAct | ProgType::CgroupSkb => PACKET,
        ProgType::SocketFilter => PACKET - LINK_HEADER,
        _ => return None,
    };
    Some(Event::packet(vec![0; bytes]))
}
