//! `ebpf-sim run`: what programs do when something happens.
//!
//! Everything that decides is in the library: this asks it, and prints what it says.

mod cues;
mod hexdump;
mod json;
mod maps;
mod pcap;
mod reader;
mod spool;
mod tally;
mod text;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use ebpf_sim::events::Event;
use ebpf_sim::machine::{Comm, ConnectionSpec, Cpus, Neighbour, Route, SocketSpec, Task};
use ebpf_sim::sim::{Firing, Options, Sim, Turns, Verify};

use self::cues::Cue;
use self::reader::Reader;
use self::spool::Spool;
use self::tally::{Keep, Seen};
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
  ebpf-sim run count.o --event execve --repeat 8 --cpus 4               in turn on each of four CPUs
  ebpf-sim run count.o --event execve --repeat 8000 --cpus 4 --parallel on all four at once
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
    /// How many CPUs there are, which events then happen on in turn [default: 4, and all happens on the first].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8192))]
    cpus: Option<u32>,
    /// Let events happen on all CPUs at once, each a thread of its own: what was printed, and what runs at the same time
    /// do to each other, then comes in an order that may differ from run to run.
    #[arg(long)]
    parallel: bool,
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
    /// A connection that the kernel tracks, from where its first packet came to where it went, and its mark:
    /// 'tcp:192.0.2.1:1024-10.0.0.1:80 mark 7'; packets that are given start none; may be repeated.
    #[arg(long = "connection", value_name = "CONNECTION")]
    connections: Vec<ConnectionSpec>,
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
    cpus: Happens,
    maps: Vec<String>,
    sockets: Vec<SocketSpec>,
    routes: Vec<Route>,
    neighbours: Vec<Neighbour>,
    connections: Vec<ConnectionSpec>,
}

/// Where events happen.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// On so many CPUs in turn.
    InTurn(Cpus),
    /// On so many at once.
    AtOnce(Cpus),
}

/// What came of everything.
#[derive(Debug)]
struct Came<'a> {
    happened: Vec<Happened<'a>>,
    /// Every time by itself, if that is kept: of each CPU, a lane for each cue.
    every: Vec<Spool>,
    reader: Reader,
}

/// What came of the cues on one CPU.
#[derive(Debug, Default)]
struct Gathered {
    seen: Vec<Seen>,
    every: Spool,
}

/// A cue and what came of it, all times.
#[derive(Debug)]
struct Happened<'a> {
    cue: &'a Cue,
    seen: Seen,
}

pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<Exit> {
    let json = args.json;
    let (options, job) = args.resolve()?;
    let mut sim = Sim::new(options)?;
    furnish(&job, &mut sim)?;
    let mut exit = load(&job.inputs, &mut sim, output)?;
    exit = exit.max(text::refusals(output, &sim, json)?);
    if job.cues.is_empty() {
        return nothing_happens(&sim, output);
    }
    let keep = match json {
        true => Keep::Every,
        false => Keep::Tally,
    };
    let came = fire(&job, &mut sim, keep)?;
    if came
        .happened
        .iter()
        .any(|happened| happened.seen.trap().is_some())
    {
        exit = exit.max(Exit::Refused);
    }
    match json {
        true => json::print(output, &sim, &job, &came)?,
        false => text::print(output, &sim, &job, &came)?,
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
        let cpus = match (self.parallel, self.cpus) {
            (true, _) => Happens::AtOnce(options.cpus),
            (false, Some(_)) => Happens::InTurn(options.cpus),
            (false, None) => Happens::InTurn(Cpus::new(1)),
        };
        Ok((
            options,
            Job {
                inputs,
                cues,
                repeat: self.repeat,
                cpus,
                maps: self.maps,
                sockets: self.sockets,
                routes: self.routes,
                neighbours: self.neighbours,
                connections: self.connections,
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

/// Opens sockets, and adds routes, neighbours and connections.
fn furnish(job: &Job, sim: &mut Sim) -> anyhow::Result<()> {
    for connection in &job.connections {
        let (from, to) = (connection.from, connection.to);
        let tracked = sim.track(connection);
        tracked.with_context(|| format!("--connection from {from} to {to}"))?;
    }
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
fn fire<'a>(job: &'a Job, sim: &mut Sim, keep: Keep) -> anyhow::Result<Came<'a>> {
    let reader = Reader::new(sim, &job.maps, keep);
    let (gathered, reader) = match job.cpus {
        Happens::InTurn(cpus) => in_turn(job, sim, cpus, (reader, keep))?,
        Happens::AtOnce(cpus) => at_once(job, sim, cpus, (reader, keep))?,
    };
    let mut happened: Vec<_> = job.cues.iter().map(Happened::nothing).collect();
    let mut every = Vec::new();
    for cpu in gathered {
        let all = happened.iter_mut().zip(cpu.seen);
        all.for_each(|(all, one)| all.seen.join(one));
        every.push(cpu.every);
    }
    Ok(Came {
        happened,
        every,
        reader,
    })
}

/// What came of each cue, one after the other.
fn in_turn(
    job: &Job,
    sim: &mut Sim,
    cpus: Cpus,
    (mut reader, keep): (Reader, Keep),
) -> anyhow::Result<(Vec<Gathered>, Reader)> {
    let (mut gathered, mut turns) = (Gathered::default(), Turns::new(cpus));
    for _ in 0..job.repeat {
        for (at, cue) in job.cues.iter().enumerate() {
            let cpu = turns.take(&cue.event);
            let firing = sim.fire_on(cpu, &cue.event);
            let firing = firing.with_context(|| cue.title.clone())?;
            gathered.add(at, cue, firing, keep);
            reader.poll(sim);
        }
    }
    Ok((vec![gathered], reader))
}

/// The same, on all CPUs at once.
fn at_once(
    job: &Job,
    sim: &mut Sim,
    cpus: Cpus,
    (reader, keep): (Reader, Keep),
) -> anyhow::Result<(Vec<Gathered>, Reader)> {
    let events: Vec<&Event> = job.cues.iter().map(|cue| &cue.event).collect();
    let reader = Mutex::new(reader);
    let gathered = sim.fire_at_once(
        &events,
        job.repeat,
        cpus,
        |sim, all: &mut Gathered, at, firing| {
            if let Some(cue) = job.cues.get(at) {
                all.add(at, cue, firing, keep);
            }
            // Who comes while another reads leaves it what there is.
            if let Ok(mut reader) = reader.try_lock() {
                reader.poll(sim);
            }
        },
    )?;
    let mut reader = reader.into_inner().unwrap_or_else(PoisonError::into_inner);
    reader.poll(sim);
    Ok((gathered, reader))
}

impl Gathered {
    /// Adds what came of the cue at that place.
    fn add(&mut self, at: usize, cue: &Cue, firing: Firing, keep: Keep) {
        if at >= self.seen.len() {
            self.seen.resize_with(at + 1, Seen::default);
        }
        if keep == Keep::Every {
            self.every
                .push(at, &json::element(&json::firing(cue, &firing)));
        }
        if let Some(seen) = self.seen.get_mut(at) {
            seen.add(firing, keep);
        }
    }
}

impl<'a> Happened<'a> {
    fn nothing(cue: &'a Cue) -> Happened<'a> {
        let seen = Seen::default();
        Happened { cue, seen }
    }
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
