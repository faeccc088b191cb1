//! `ebpf-sim verify`: what the kernel's verifier says of each program.
//!
//! Every program is judged, also those that a loader would not load without being asked.

mod explain;
mod json;
mod text;

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::ValueEnum;
use ebpf_sim::object::{LinkError, Program};
use ebpf_sim::verifier::{Env, Rejection, Stats, Verified, verify};

use super::Exit;
use super::input::{self, Inputs, Loaded};
use super::loader;
use super::oracle::{Choice, Oracle};
use super::output::Output;

/// Judge programs as the kernel's verifier would, and say why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim verify *.o                      every program of every object
  ebpf-sim verify prog.o --log             with the kernel's log of the refused path
  ebpf-sim verify prog.o --explain         what was learnt of each instruction
  ebpf-sim verify *.o --format csv         the columns of the kernel's veristat
  ebpf-sim verify *.o --unpriv             for who has no privileges
  ebpf-sim verify *.o --kernel host        what this host's kernel says
  ebpf-sim verify filter.s                 assembly text
  ebpf-sim verify --raw xdp insns.bin      instructions of 8 bytes each")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    /// Print the verifier's log: 1 the path that was refused, 2 every path, 4 totals, or a sum of them.
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, require_equals = true,
          default_missing_value = "1", value_parser = clap::value_parser!(u8).range(1..=7))]
    log: Option<u8>,
    /// How to print verdicts.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Judge as this program type or section name, whatever the file says.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    loader: loader::Args,
    #[command(flatten)]
    kernel: Choice,
    /// Print what was learnt of each instruction of accepted programs.
    #[arg(long)]
    explain: bool,
}

/// How to print verdicts.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line a program, and a listing for those refused.
    Text,
    /// For machines.
    Json,
    /// As the kernel's veristat.
    Csv,
}

impl Format {
    /// The level of a kernel's log that it takes from: a refusal's sentence, or totals alone, which
    /// slow the kernel down less.
    fn log_needed(self) -> u8 {
        match self {
            Format::Text | Format::Json => 1,
            Format::Csv => 4,
        }
    }
}

/// What was decided of one program.
#[derive(Debug)]
struct Judged {
    file: String,
    name: String,
    /// Unless it did not link.
    program: Option<Arc<Program>>,
    verdict: Verdict,
    duration: Duration,
}

#[derive(Debug)]
enum Verdict {
    Accepted(Box<Verified>),
    Rejected(Box<Rejection>),
    NotLinked(Box<LinkError>),
    Kernel(Box<Answer>),
}

/// What a real kernel said.
#[derive(Debug)]
pub(super) struct Answer {
    /// Why it refuses, and the error number; without one it could not be asked.
    pub(super) refusal: Option<(String, Option<i32>)>,
    /// The instruction at fault.
    pub(super) pc: Option<u32>,
    pub(super) stats: Stats,
    pub(super) log: String,
    /// How long loading took.
    pub(super) duration: Duration,
}

impl Answer {
    fn exit(&self) -> Exit {
        match self.refusal {
            None => Exit::Ok,
            Some(_) => Exit::Refused,
        }
    }
}

impl Verdict {
    /// As veristat has it.
    fn name(&self) -> &'static str {
        match self {
            Verdict::Accepted(_) => "success",
            Verdict::Kernel(answer) if answer.refusal.is_none() => "success",
            Verdict::Kernel(_) => "failure",
            Verdict::Rejected(_) | Verdict::NotLinked(_) => "failure",
        }
    }

    fn stats(&self) -> Stats {
        match self {
            Verdict::Accepted(verified) => verified.stats,
            Verdict::Rejected(rejection) => rejection.stats,
            Verdict::NotLinked(_) => Stats::default(),
            Verdict::Kernel(answer) => answer.stats,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Verdict::Accepted(_) => Exit::Ok,
            Verdict::Rejected(_) | Verdict::NotLinked(_) => Exit::Refused,
            Verdict::Kernel(answer) => answer.exit(),
        }
    }
}

/// What the flags ask for.
struct Job {
    inputs: Inputs,
    env: Env,
    kind: Option<String>,
    /// The kernel that judges; without one it is the simulator.
    oracle: Option<RefCell<Oracle>>,
    /// The level of its log.
    log: u32,
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let mut oracle = args.kernel.open(output)?;
    let mut inputs = args.input.resolve_for(oracle.as_mut())?;
    inputs.kind.clone_from(&args.kind);
    ensure!(
        oracle.is_none() || !args.explain,
        "a kernel explains nothing: leave --explain out"
    );
    let kernel_btf = inputs.kernel_btf.clone();
    let env = Env {
        kernel_btf,
        loader: args.loader.resolve(),
        ..Env::default()
    }
    .with_log(args.log.unwrap_or(0).into());
    let job = Job {
        inputs,
        env,
        kind: args.kind,
        oracle: oracle.map(RefCell::new),
        log: args.log.unwrap_or(args.format.log_needed()).into(),
    };
    match args.format {
        Format::Text => {
            let mut text = text::Text::new(args.log.is_some(), args.explain);
            let exit = job.each(output, |output, judged| text.judged(output, &judged))?;
            text.summary(output)?;
            Ok(exit)
        }
        Format::Csv => csv(&job, output),
        Format::Json => {
            let mut report = json::Report::new(args.log.is_some());
            let exit = job.each(output, |_, judged| {
                report.push(&judged);
                Ok(())
            })?;
            output.json(&report)?;
            Ok(exit)
        }
    }
}

impl Job {
    /// Judges every program, and hands each judgement on as it comes.
    fn each(
        &self,
        output: &mut Output,
        mut done: impl FnMut(&mut Output, Judged) -> anyhow::Result<()>,
    ) -> anyhow::Result<Exit> {
        let (mut exit, mut found) = (Exit::Ok, 0);
        for loaded in self.inputs.load() {
            let Loaded { file, programs, .. } = match loaded {
                Ok(loaded) => loaded,
                Err(error) => {
                    output.error(&error)?;
                    exit = Exit::Failure;
                    continue;
                }
            };
            for program in programs {
                let judged = self.judge(&file, program)?;
                exit = exit.max(judged.verdict.exit());
                found += 1;
                done(output, judged)?;
            }
        }
        if exit != Exit::Failure {
            self.inputs.check_found(found)?;
        }
        Ok(exit)
    }

    fn judge(
        &self,
        file: &str,
        program: Result<Arc<Program>, Box<LinkError>>,
    ) -> anyhow::Result<Judged> {
        let file = file.to_owned();
        let mut program = match program {
            Ok(program) => program,
            Err(error) => {
                let (name, verdict) = (error.program.clone(), Verdict::NotLinked(error));
                return Ok(Judged {
                    file,
                    name,
                    program: None,
                    verdict,
                    duration: Duration::ZERO,
                });
            }
        };
        if let Some(kind) = &self.kind {
            input::set_type(Arc::make_mut(&mut program), kind)?;
        }
        if let Some(oracle) = &self.oracle {
            let answer = oracle
                .borrow_mut()
                .judge(&program, self.log, self.env.loader)?;
            return Ok(Judged {
                file,
                name: program.name.clone(),
                program: Some(program),
                duration: answer.duration,
                verdict: Verdict::Kernel(Box::new(answer)),
            });
        }
        let start = Instant::now();
        let verdict = match verify(&program, &self.env) {
            Ok(verified) => Verdict::Accepted(Box::new(verified)),
            Err(rejection) => Verdict::Rejected(rejection),
        };
        let duration = start.elapsed();
        Ok(Judged {
            file,
            name: program.name.clone(),
            program: Some(program),
            verdict,
            duration,
        })
    }
}

fn csv(job: &Job, output: &mut Output) -> anyhow::Result<Exit> {
    let columns = [
        "file_name",
        "prog_name",
        "verdict",
        "duration",
        "total_insns",
        "total_states",
    ];
    csv_row(output, &columns)?;
    job.each(output, |output, judged| {
        let stats = judged.verdict.stats();
        let file = judged.file.rsplit('/').next().unwrap_or(&judged.file);
        let row = [
            file,
            &judged.name,
            judged.verdict.name(),
            &judged.duration.as_micros().to_string(),
            &stats.insns_processed.to_string(),
            &stats.total_states.to_string(),
        ];
        csv_row(output, &row)
    })
}

fn csv_row(output: &mut Output, row: &[&str]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(row)?;
    output.write_all(&writer.into_inner()?)?;
    Ok(())
}
