//! `ebpf-sim bench`: how fast programs run in each engine, and in a real kernel.
//!
//! It only measures; what runs is the library's.

#[cfg(all(feature = "kernel", target_os = "linux"))]
mod in_kernel;
mod measure;
mod print;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use ebpf_sim::events::Event;
use ebpf_sim::machine::Cpus;
use ebpf_sim::sim::{Engine, Options, Sim};

use super::Exit;
use super::input::{self, Inputs, Loaded};
use super::output::Output;

use self::measure::{Meter, Simulated, Times};

/// Bytes of the packet that programs run on if none is given.
const PACKET: usize = 1024;

/// Measure how fast programs run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim bench corpus/bench/*.o
  ebpf-sim bench corpus/bench/*.o --engine jit,kernel
  ebpf-sim bench xdp.o --data packet.bin --repeat 100000 --format json
  ebpf-sim bench corpus/bench/hash.o --engine jit --cpus 2

A sample is so many runs of a program on one packet; what is shown is the median of the samples, and the distance
between their quartiles as a part of it. The kernel's figures are its own, of BPF_PROG_TEST_RUN, in whole nanoseconds.")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    /// What runs programs; may list several.
    #[arg(
        long,
        value_name = "ENGINE",
        value_delimiter = ',',
        default_value = "interp,jit"
    )]
    engine: Vec<Runner>,
    /// The packet, from its Ethernet header on [default: 1024 bytes of UDP].
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// How many runs are a sample [default: as many as take a millisecond].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// How many samples are taken, after one that does not count.
    #[arg(long, value_name = "N", default_value_t = 31,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    samples: u32,
    /// How many CPUs run a program at once, each on a packet and a thread of its own and all on the same maps; times
    /// are those of all runs divided by their number.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What runs programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Runner {
    /// The interpreter.
    Interp,
    /// Native code.
    #[cfg(feature = "jit")]
    Jit,
    /// This host's kernel, which must let its programs be run.
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    Kernel,
}

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// For machines.
    Json,
}

/// What is measured, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    repeat: Option<u32>,
    samples: u32,
    cpus: Cpus,
}

/// One program and its times.
#[derive(Debug)]
struct Row {
    file: String,
    program: String,
    /// Instructions of one run.
    insns: Option<u64>,
    /// How long compiling it takes, where it is compiled.
    compile: Option<Duration>,
    results: Vec<(Runner, Result<Times, String>)>,
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let packet = match &args.data {
        Some(path) => input::read(path)?,
        None => udp_packet(),
    };
    let plan = Plan {
        repeat: args.repeat,
        samples: args.samples,
        cpus: Cpus::new(args.cpus),
    };
    let inputs = args.input.resolve()?;
    let mut exit = Exit::Ok;
    let mut rows = Vec::new();
    for (number, loaded) in inputs.load().enumerate() {
        let measured = loaded.and_then(|loaded| {
            measure_file(&inputs, (number, &loaded), &args.engine, &packet, plan)
        });
        match measured {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                output.error(&error)?;
                exit = Exit::Failure;
            }
        }
    }
    if rows
        .iter()
        .any(|row| row.results.iter().any(|(_, result)| result.is_err()))
    {
        exit = exit.max(Exit::Refused);
    }
    match args.format {
        Format::Text => print::text(output, &rows, &args.engine)?,
        Format::Json => output.json(&print::json(&rows))?,
    }
    Ok(exit)
}

/// The programs of one file, each in every engine on a machine of its own.
fn measure_file(
    inputs: &Inputs,
    (number, loaded): (usize, &Loaded),
    runners: &[Runner],
    packet: &[u8],
    plan: Plan,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for program in loaded.programs.iter().flatten() {
        let name = &program.name;
        let mut counting = simulator(inputs, number, Engine::Interpreter, plan)?;
        let insns = measure::once(&mut counting, name, packet).ok();
        let meters = runners
            .iter()
            .map(|runner| meter(inputs, (number, loaded), *runner, (name, packet), plan));
        let row = Row {
            file: loaded.file.clone(),
            program: name.clone(),
            insns: insns.flatten(),
            compile: measure::compile(&counting, name, plan),
            results: runners
                .iter()
                .copied()
                .zip(measure::in_turns(meters.collect(), plan))
                .collect(),
        };
        rows.push(row);
    }
    Ok(rows)
}

/// Who takes the times of a program, on a machine of its own.
fn meter<'a>(
    inputs: &Inputs,
    (number, loaded): (usize, &Loaded),
    runner: Runner,
    (name, packet): (&str, &'a [u8]),
    plan: Plan,
) -> Result<Box<dyn Meter + 'a>, String> {
    match runner.engine() {
        Some(engine) => {
            let sim = simulator(inputs, number, engine, plan);
            let sim = sim.map_err(|error| format!("{error:#}"))?;
            Ok(Box::new(Simulated::new(sim, name, packet, plan.cpus)?))
        }
        None if plan.cpus.count() > 1 => {
            Err("a kernel is measured on one CPU: leave --cpus out".to_owned())
        }
        #[cfg(all(feature = "kernel", target_os = "linux"))]
        None => Ok(Box::new(in_kernel::InKernel::new(loaded, name, packet)?)),
        #[cfg(not(all(feature = "kernel", target_os = "linux")))]
        None => Err("there is no kernel".to_owned()),
    }
}

impl Runner {
    fn engine(self) -> Option<Engine> {
        match self {
            Runner::Interp => Some(Engine::Interpreter),
            #[cfg(feature = "jit")]
            Runner::Jit => Some(Engine::Jit(ebpf_sim::jit::Counting::Off)),
            #[cfg(all(feature = "kernel", target_os = "linux"))]
            Runner::Kernel => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Runner::Interp => "interp",
            #[cfg(feature = "jit")]
            Runner::Jit => "jit",
            #[cfg(all(feature = "kernel", target_os = "linux"))]
            Runner::Kernel => "kernel",
        }
    }
}

/// A machine with one file loaded.
fn simulator(inputs: &Inputs, number: usize, engine: Engine, plan: Plan) -> anyhow::Result<Sim> {
    let enough = plan.cpus.count().max(Cpus::default().count());
    let mut sim = Sim::new(Options {
        engine,
        cpus: Cpus::new(enough),
        kernel_btf: inputs.kernel_btf.clone(),
        setup: Arc::clone(&inputs.setup),
        module_btfs: inputs.module_btfs.clone(),
        programs: inputs.selection(),
        ..Options::default()
    })?;
    inputs
        .load_one_into(number, &mut sim)
        .context("it cannot be loaded")?;
    Ok(sim)
}

/// An event with the packet.
fn event(packet: &[u8]) -> Event {
    Event::packet(packet.to_vec())
}

/// A datagram of text.
fn udp_packet() -> Vec<u8> {
    let mut packet = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 8, 0];
    let total = ((PACKET - packet.len()) as u16).to_be_bytes();
    packet.extend([
        0x45, 0, total[0], total[1], 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    let len = ((PACKET - packet.len()) as u16).to_be_bytes();
    packet.extend([0x30, 0x39, 0, 53, len[0], len[1], 0, 0]);
    let text = b"the quick brown fox jumps over the lazy dog "
        .iter()
        .cycle();
    packet.extend(text.take(PACKET - packet.len()));
    packet
}
