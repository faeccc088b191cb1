//! `ebpf-sim run`: what programs do when something happens.
//!
//! Everything that decides is in the library: this asks it, and prints what it says.

mod cues;
mod hexdump;
mod json;
mod maps;
mod pcap;
mod text;

use std::sync::Arc;

use anyhow::{Context as _, bail};
use ebpf_sim::machine::{Comm, Cpus, Neighbour, Route, SocketSpec, Task};
use ebpf_sim::sim::{Firing, Options, Sim, Verify};

use self::cues::Cue;
use super::Exit;
use super::engine;
use super::input::{self, Inputs};
use super::loader;
use super::output::Output;

/// Run programs: say what they print, return and leave in their maps.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ebpf-sim run hello.o --event execve
  ebpf-sim run hello.o --event execve --arg filename=/bin/ls --uid 1000 --comm bash
  ebpf-sim run xdp.o --data packet.bin         one packet, from its Ethernet header on
  ebpf-sim run xdp.o --pcap traffic.pcap       every packet of a capture
  ebpf-sim run count.o --event execve --repeat 10 --map counts
  ebpf-sim run hello.o --event execve --json
  ebpf-sim run hello.o                         which event reaches which program")]
pub(super) struct Args {
    #[command(flatten)]
    input: input::Args,
    #[command(flatten)]
    loader: loader::Args,
    #[command(flatten)]
    happens: cues::Args,
    /// The current process.
    #[arg(long)]
    pid: Option<u32>,
    /// The current user.
    #[arg(long)]
    uid: Option<u32>,
    /// The current group.
    #[arg(long)]
    gid: Option<u32>,
    /// The current process's name, of which 15 bytes count.
    #[arg(long, value_name = "NAME")]
    comm: Option<String>,
    /// Seed of random numbers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many CPUs there are.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8192))]
    cpus: Option<u32>,
    /// A socket that is open, such as tcp:10.0.0.1:80, or with its other end tcp:10.0.0.1:80-192.0.2.1:1024; may
    /// be repeated.
    #[arg(long = "socket", value_name = "SOCKET")]
    sockets: Vec<SocketSpec>,
    /// A route beside those of eth0 (device 2, 10.0.0.1/24), as ip-route(8) takes them: '192.0.2.0/24 via
    /// 10.0.0.254 dev 2'; may be repeated.
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<Route>,
    /// A neighbour whose link-layer address is known: '10.0.0.9 lladdr 52:54:00:00:00:09 dev 2'; may be repeated.
    #[arg(long = "neighbour", value_name = "NEIGHBOUR")]
    neighbours: Vec<Neighbour>,
    /// How many times everything happens.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    repeat: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Run programs that nobody judged; each access is checked when it happens.
    #[arg(long)]
    no_verify: bool,
    /// What runs programs.
    #[arg(long, value_name = "ENGINE", default_value = "interp")]
    engine: engine::Choice,
    /// Print only the maps of this name; may be repeated.
    #[arg(long = "map", value_name = "NAME")]
    maps: Vec<String>,
}

/// What the flags ask for.
#[derive(Debug)]
struct Job {
    inputs: Inputs,
    cues: Vec<Cue>,
    repeat: u32,
    maps: Vec<String>,
    sockets: Vec<SocketSpec>,
    routes: Vec<Route>,
    neighbours: Vec<Neighbour>,
}

/// A cue and what came of it, each time.
#[derive(Debug)]
struct Happened<'a> {
    cue: &'a Cue,
    firings: Vec<Firing>,
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let json = args.json;
    let (options, job) = args.resolve()?;
    let mut sim = Sim::new(options)?;
    furnish(&job, &sim)?;
    let mut exit = load(&job.inputs, &mut sim, output)?;
    exit = exit.max(text::refusals(output, &sim, json)?);
    if job.cues.is_empty() {
        return nothing_happens(&sim, output);
    }
    let happened = fire(&job, &mut sim)?;
    if happened
        .iter()
        .any(|happened| happened.firings.iter().any(|fired| fired.trap().is_some()))
    {
        exit = exit.max(Exit::Refused);
    }
    match json {
        true => output.json(&json::document(&sim, &job, &happened)?)?,
        false => text::print(output, &sim, &job, &happened)?,
    }
    Ok(exit)
}

impl Args {
    fn resolve(self) -> anyhow::Result<(Options, Job)> {
        let task = self.task();
        let cues = self.happens.cues()?;
        let inputs = self.input.resolve()?;
        let mut options = Options {
            seed: self.seed,
            kernel_btf: inputs.kernel_btf.clone(),
            setup: Arc::clone(&inputs.setup),
            module_btfs: inputs.module_btfs.clone(),
            target: inputs.target.clone(),
            programs: inputs.selection(),
            verify: if self.no_verify {
                Verify::Never
            } else {
                Verify::Always
            },
            loader: self.loader.resolve(),
            engine: self.engine.into(),
            task,
            ..Options::default()
        };
        if let Some(count) = self.cpus {
            options.cpus = Cpus::new(count);
        }
        Ok((
            options,
            Job {
                inputs,
                cues,
                repeat: self.repeat,
                maps: self.maps,
                sockets: self.sockets,
                routes: self.routes,
                neighbours: self.neighbours,
            },
        ))
    }

    /// Who is current.
    fn task(&self) -> Task {
        let mut task = Task::default();
        if let Some(pid) = self.pid {
            (task.pid, task.tgid) = (pid, pid);
        }
        task.uid = self.uid.unwrap_or(task.uid);
        task.gid = self.gid.unwrap_or(task.gid);
        if let Some(comm) = &self.comm {
            task.comm = Comm::new(comm);
        }
        task
    }
}

/// Opens sockets, and adds routes and neighbours.
fn furnish(job: &Job, sim: &Sim) -> anyhow::Result<()> {
    let machine = sim.machine();
    for spec in &job.sockets {
        machine.open_socket(*spec)?;
    }
    for route in &job.routes {
        machine.network.add_route(route.clone());
    }
    for neighbour in &job.neighbours {
        machine.network.add_neighbour(*neighbour);
    }
    Ok(())
}

/// Loads every file. One that cannot be is reported, and the others still run.
fn load(inputs: &Inputs, sim: &mut Sim, output: &mut Output) -> anyhow::Result<Exit> {
    let errors = inputs.load_into(sim);
    for error in &errors {
        output.error(error)?;
    }
    if !errors.is_empty() {
        return Ok(Exit::Failure);
    }
    inputs.check_found(sim.loads().iter().map(|load| load.programs.len()).sum())?;
    Ok(Exit::Ok)
}

/// Lets everything happen, as often as asked for.
fn fire<'a>(job: &'a Job, sim: &mut Sim) -> anyhow::Result<Vec<Happened<'a>>> {
    let mut happened: Vec<Happened<'a>> = job
        .cues
        .iter()
        .map(|cue| Happened {
            cue,
            firings: Vec::new(),
        })
        .collect();
    for _ in 0..job.repeat {
        for Happened { cue, firings } in &mut happened {
            firings.push(sim.fire(&cue.event).with_context(|| cue.title.clone())?);
        }
    }
    Ok(happened)
}

/// Without events there is nothing to run: says what would reach which program.
fn nothing_happens(sim: &Sim, output: &mut Output) -> anyhow::Result<Exit> {
    output.finish()?;
    let needs: Vec<String> = sim
        .unreached()
        .iter()
        .map(|program| format!("\n  {}: {}", program.name, program.needs))
        .collect();
    bail!(
        "nothing happens: give --event, --data or --pcap{}",
        needs.concat()
    )
}
