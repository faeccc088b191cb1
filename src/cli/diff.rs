//! `ebpf-sim diff`: the simulator against a real kernel.
//!
//! What is compared is decided by [`ebpf_sim::diff`]; here it is held against the list of what is
//! known to differ, and printed.

mod known;
mod rows;
mod text;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use ebpf_sim::diff::{Compared, DiffError, Difference, Events, Input, Options, compare, generate};

use super::Exit;
use super::engine;
use super::input;
use super::oracle::Oracle;
use super::output::Output;

use self::known::Known;

/// How many packets are generated.
const PACKETS: u32 = 16;

/// Load and run programs in the simulator and in a real kernel, and say what differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim diff *.o                                   against this host's kernel
  ebpf-sim diff *.o --kernel vm:6.12                  against one booted under qemu
  ebpf-sim diff xdp.o --data packet.bin --repeat 3    on this packet, three times
  ebpf-sim diff tracing.o --events                    with a process that is started
  ebpf-sim diff tc.o --prepare setup                  after a call of the object's program setup
  ebpf-sim diff prog.o --log                          with both logs where verdicts differ

What is known to differ stands in known-differences.csv beside the object, or in --known FILE:
columns object,program,what,kernel,reason; `kernel` is the start of a release, or empty for all.

Exit status: 0 nothing differs but what is known, 1 something does, 2 usage, input or output.")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    /// The kernel: `host`, or `vm:` and an image or a version found under /boot.
    #[arg(long, value_name = "KERNEL", default_value = "host")]
    kernel: String,
    /// A packet to run on, from its Ethernet header on; may be repeated [default: generated].
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The context that packets arrive with, as bytes of a `struct __sk_buff`: mark, priority, cb, tstamp, wire_len,
    /// gso_segs, gso_size and hwtstamp are taken. Programs of the section syscall are called with it [default: zeros].
    #[arg(long, value_name = "FILE")]
    ctx: Option<PathBuf>,
    /// A program of the section syscall that is called before each of the others runs; may be repeated.
    #[arg(long, value_name = "PROGRAM")]
    prepare: Vec<String>,
    /// How often each packet is sent, or the program is called.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Seed of the generated packets.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Attach programs on events while /bin/true is started, and compare what they leave by its shape.
    #[arg(long)]
    events: bool,
    /// Where known differences are listed [default: known-differences.csv beside each object].
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// What runs programs.
    #[arg(long, value_name = "ENGINE", default_value = "interp")]
    engine: engine::Choice,
    /// Print both logs side by side where verdicts differ.
    #[arg(long)]
    log: bool,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// What differs, and a table.
    Text,
    /// For machines.
    Json,
    /// A row a difference.
    Csv,
}

/// A program that was compared, and what is known of it.
#[derive(Debug)]
struct Entry {
    file: String,
    compared: Compared,
    findings: Vec<Finding>,
}

/// A difference, and whether it was known.
#[derive(Debug)]
struct Finding {
    difference: Difference,
    /// The reason in the list.
    known: Option<String>,
}

/// What came of everything.
#[derive(Debug, Default)]
struct Outcome {
    entries: Vec<Entry>,
    /// Rows of the list whose difference is gone.
    vanished: Vec<String>,
    release: String,
}

impl Entry {
    fn unexplained(&self) -> usize {
        let new = |finding: &&Finding| finding.known.is_none();
        self.findings.iter().filter(new).count()
    }
}

impl Outcome {
    fn exit(&self) -> Exit {
        let differs = self.entries.iter().any(|entry| entry.unexplained() > 0);
        match differs || !self.vanished.is_empty() {
            true => Exit::Refused,
            false => Exit::Ok,
        }
    }
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let packets = packets(&args)?;
    let context = args.ctx.as_deref().map(read).transpose()?;
    let mut oracle = Oracle::open(&args.kernel, output)?;
    let inputs = args.input.resolve_for(Some(&mut oracle))?;
    let options = Options {
        kernel_btf: inputs.kernel_btf.clone(),
        setup: Arc::clone(&inputs.setup),
        module_btfs: inputs.module_btfs.clone(),
        target: inputs.target.clone(),
        programs: inputs.names().to_vec(),
        engine: args.engine.into(),
        input: Input {
            packets,
            context,
            prepare: args.prepare.clone(),
            repeat: args.repeat,
            events: match args.events {
                true => Events::Compare,
                false => Events::Ignore,
            },
        },
    };
    let mut known = Known::new(args.known.as_deref())?;
    let (mut outcome, mut exit) = (Outcome::default(), Exit::Ok);
    outcome.release = oracle.kernel().info().release.clone();
    let (subjects, mut done) = (inputs.subjects(), 0);
    let total = subjects.len();
    for (file, subject) in subjects {
        done += 1;
        progress(done, total, &file);
        let compared = subject.and_then(|subject| {
            compare(oracle.kernel(), &subject, &options).map_err(|error| match error {
                DiffError::Object(error) => anyhow::Error::new(*error),
                error @ DiffError::Kernel(_) => anyhow::Error::new(error),
            })
        });
        let compared = match compared.with_context(|| file.clone()) {
            Ok(compared) => compared,
            Err(error) => {
                output.error(&error)?;
                exit = Exit::Failure;
                continue;
            }
        };
        known.load_beside(&file)?;
        for compared in compared {
            let entry = known.explain(&file, &outcome.release, compared);
            outcome.entries.push(entry);
        }
    }
    progress(0, 0, "");
    check_prepared(&args.prepare, &outcome, inputs.names())?;
    outcome.vanished = known.vanished(&outcome.release);
    match args.format {
        Format::Text => text::print(output, &outcome, args.log)?,
        Format::Json => output.json(&rows::Report::new(&outcome, args.log))?,
        Format::Csv => {
            output.write_all(&rows::csv(&outcome)?)?;
            // It is no row of a program.
            for vanished in &outcome.vanished {
                output.note(&format!("vanished: {vanished}"))?;
            }
        }
    }
    if exit == Exit::Ok {
        inputs.check_found(outcome.entries.len())?;
    }
    Ok(exit.max(outcome.exit()))
}

/// Refuses names of programs that prepare, if no program has one. Where only some programs are shown, all may.
fn check_prepared(prepare: &[String], outcome: &Outcome, shown: &[String]) -> anyhow::Result<()> {
    let entries = &outcome.entries;
    let has = |name: &str| entries.iter().any(|entry| entry.compared.program == name);
    let is_missing = |name: &&String| !has(name);
    let missing = prepare.iter().find(is_missing);
    match missing.filter(|_| shown.is_empty()) {
        Some(name) => anyhow::bail!("--prepare {name}: no program has this name"),
        None => Ok(()),
    }
}

fn packets(args: &Args) -> anyhow::Result<Vec<Vec<u8>>> {
    if args.data.is_empty() {
        return Ok(generate(args.seed, PACKETS));
    }
    args.data.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    input::read(path).with_context(|| path.display().to_string())
}

/// Says on a terminal how far it is; with no files at all it takes that away again.
fn progress(done: usize, total: usize, file: &str) {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return;
    }
    let text = match total {
        0 => String::new(),
        _ => format!("[{done}/{total}] {file}"),
    };
    // Progress that cannot be shown is no loss.
    let _ = write!(stderr, "\r{text}\x1b[K");
}
