//! Samples of a program's runs.
//!
//! Those who run it take turns: what slows the host down for a while slows all of them, and the ratios between samples
//! of one turn stay what they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ebpf_sim::machine::{Cpus, ProgId};
use ebpf_sim::sim::{Repeated, Sim};

use super::{Plan, event};

/// How long a sample takes, where nothing else is asked for: less than what a scheduler gives a
/// process at a time, so that on a busy machine most samples are whole.
pub(super) const SAMPLE: Duration = Duration::from_millis(1);

/// Most runs of a sample.
pub(super) const MAX_REPEAT: u32 = 10_000_000;

/// Samples that each one takes in its turn.
const TURN: u32 = 5;

/// Nanoseconds a run, in the order of the samples.
#[derive(Clone, Debug)]
pub(super) struct Times {
    samples: Vec<f64>,
    /// Runs in a sample.
    pub(super) repeat: u32,
}

impl Times {
    /// The middle of the samples.
    pub(super) fn median(&self) -> f64 {
        quantile(self.samples.clone(), 0.5)
    }

    /// The distance between the quartiles as a part of the median.
    pub(super) fn spread(&self) -> f64 {
        let at = |part| quantile(self.samples.clone(), part);
        (at(0.75) - at(0.25)) / self.median()
    }

    /// How much longer it took than another: the middle of the ratios of what was measured side by side.
    pub(super) fn over(&self, other: &Times) -> f64 {
        let pairs = self.samples.iter().zip(&other.samples);
        quantile(pairs.map(|(own, other)| own / other).collect(), 0.5)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }
}

/// What such a part of the numbers is not above.
fn quantile(mut numbers: Vec<f64>, part: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    numbers.get(index).copied().unwrap_or(f64::NAN)
}

/// Who runs a program, and takes the time.
pub(super) trait Meter {
    /// How many runs make a sample, where nothing else is asked for.
    fn repeat(&mut self) -> Result<u32, String>;

    /// So many samples: nanoseconds that one of so many runs takes.
    fn samples(&mut self, count: u32, repeat: u32) -> Result<Vec<f64>, String>;
}

/// Lets all of them take turns. Whoever fails is left out from then on, and says why.
pub(super) fn in_turns<'a>(
    meters: Vec<Result<Box<dyn Meter + 'a>, String>>,
    plan: Plan,
) -> Vec<Result<Times, String>> {
    let begin = |meter: Result<Box<dyn Meter + 'a>, String>| {
        let mut meter = meter?;
        let repeat = plan.repeat.map_or_else(|| meter.repeat(), Ok)?;
        // The first one warms up.
        meter.samples(1, repeat)?;
        Ok((meter, repeat, Vec::new()))
    };
    let mut running: Vec<_> = meters.into_iter().map(begin).collect();
    let mut left = plan.samples;
    while left > 0 {
        let turn = left.min(TURN);
        left -= turn;
        for one in &mut running {
            let Ok((meter, repeat, samples)) = one else {
                continue;
            };
            match meter.samples(turn, *repeat) {
                Ok(taken) => samples.extend(taken),
                Err(error) => *one = Err(error),
            }
        }
    }
    let times = |(_, repeat, samples)| Times { samples, repeat };
    running.into_iter().map(|one| one.map(times)).collect()
}

/// Runs a program once, and gives how many instructions that were.
pub(super) fn once(sim: &mut Sim, name: &str, packet: &[u8]) -> Result<Option<u64>, String> {
    let id = id_of(sim, name)?;
    Ok(repeat(sim, id, packet, 1)?.outcome.insns)
}

/// A program in a simulator.
pub(super) struct Simulated<'a> {
    sim: Sim,
    id: ProgId,
    packet: &'a [u8],
    cpus: Cpus,
}

impl<'a> Simulated<'a> {
    pub(super) fn new(
        sim: Sim,
        name: &str,
        packet: &'a [u8],
        cpus: Cpus,
    ) -> Result<Simulated<'a>, String> {
        Ok(Simulated {
            id: id_of(&sim, name)?,
            sim,
            packet,
            cpus,
        })
    }

    fn take(&mut self, times: u32) -> Result<Duration, String> {
        match self.cpus.count() {
            1 => repeat(&mut self.sim, self.id, self.packet, times).map(|done| done.duration),
            _ => together(&mut self.sim, self.id, self.packet, (self.cpus, times)),
        }
    }
}

impl Meter for Simulated<'_> {
    fn repeat(&mut self) -> Result<u32, String> {
        runs_in(SAMPLE, |times| self.take(times))
    }

    fn samples(&mut self, count: u32, repeat: u32) -> Result<Vec<f64>, String> {
        let runs = f64::from(repeat) * f64::from(self.cpus.count());
        let sample = |_| Ok(self.take(repeat)?.as_nanos() as f64 / runs);
        (0..count).map(sample).collect()
    }
}

/// How many runs take so long.
fn runs_in(
    wanted: Duration,
    mut run: impl FnMut(u32) -> Result<Duration, String>,
) -> Result<u32, String> {
    let mut times = 16;
    loop {
        let taken = run(times)?;
        if taken * 2 >= wanted || times >= MAX_REPEAT {
            let scaled = f64::from(times) * wanted.as_secs_f64() / taken.as_secs_f64();
            return Ok((scaled as u32).clamp(1, MAX_REPEAT));
        }
        times *= 4;
    }
}

fn repeat(sim: &mut Sim, id: ProgId, packet: &[u8], times: u32) -> Result<Repeated, String> {
    let prepared = sim.prepare(id, &event(packet));
    let prepared = prepared.map_err(|error| error.to_string())?;
    let mut prepared = prepared.ok_or(NOT_REACHED)?;
    whole(prepared.repeat(times))
}

const NOT_REACHED: &str = "a packet does not reach it";

/// Runs that did not trap.
fn whole(repeated: Repeated) -> Result<Repeated, String> {
    match &repeated.outcome.result {
        Ok(_) => Ok(repeated),
        Err(trap) => Err(format!("it trapped: {trap}")),
    }
}

/// So many runs on each CPU, all at once, and how long it took from the first one's start to the last one's end.
fn together(
    sim: &mut Sim,
    id: ProgId,
    packet: &[u8],
    (cpus, times): (Cpus, u32),
) -> Result<Duration, String> {
    let prepared = sim.prepare_each(id, &event(packet), cpus);
    let prepared = prepared.map_err(|error| error.to_string())?;
    if prepared.is_empty() {
        return Err(NOT_REACHED.to_owned());
    }
    let missing = AtomicUsize::new(prepared.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .into_iter()
            .enumerate()
            .map(|(thread, mut prepared)| {
                let missing = &missing;
                scope.spawn(move || {
                    settle(thread);
                    missing.fetch_sub(1, Ordering::Relaxed);
                    // Whoever sleeps here is woken on the CPU of the last one.
                    while missing.load(Ordering::Relaxed) > 0 {
                        std::thread::yield_now();
                    }
                    let started = Instant::now();
                    whole(prepared.repeat(times)).map(|_| (started, Instant::now()))
                })
            })
            .collect();
        let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.collect()
    });
    let (mut started, mut ended) = (Vec::new(), Vec::new());
    for result in results {
        let (from, to) = result.map_err(|_| "a thread of it panicked")??;
        started.push(from);
        ended.push(to);
    }
    let (first, last) = (started.into_iter().min(), ended.into_iter().max());
    Ok(last
        .zip(first)
        .map_or(Duration::ZERO, |(last, first)| last - first))
}

/// Puts this thread on one of the host's CPUs, in turn; else short samples are over before the scheduler has spread them.
#[cfg(target_os = "linux")]
fn settle(thread: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let turn = thread.checked_rem(allowed.count() as usize);
    if let Some(cpu) = turn.and_then(|turn| cpus.nth(turn)) {
        let mut one = CpuSet::new();
        one.set(cpu);
        // Where that is refused, the scheduler's choice has to do.
        let _settled = sched_setaffinity(None, &one);
    }
}

#[cfg(not(target_os = "linux"))]
fn settle(_: usize) {}

fn id_of(sim: &Sim, name: &str) -> Result<ProgId, String> {
    let mut programs = sim.loads().iter().flat_map(|load| &load.programs);
    let program = programs.find(|program| program.name == name);
    let program = program.ok_or("there is no such program")?;
    match (program.id, program.verdict.refusal()) {
        (Some(id), _) => Ok(id),
        (None, Some(refusal)) => Err(refusal.to_string()),
        (None, None) => Err("it is not loaded unless it is asked for".to_owned()),
    }
}

/// How long compiling a loaded program takes: the median.
#[cfg(feature = "jit")]
pub(super) fn compile(sim: &Sim, name: &str, plan: Plan) -> Option<Duration> {
    use std::sync::Arc;

    use ebpf_sim::sim::{Engine, Engines};

    let engines = Engines::new(Engine::Jit(ebpf_sim::jit::Counting::Off)).ok()?;
    let mut programs = sim.loads().iter().flat_map(|load| &load.programs);
    let code = programs
        .find(|program| program.name == name)?
        .verdict
        .code()?;
    let sample = |_| {
        let start = Instant::now();
        let ready = engines.prepare(&Arc::clone(code));
        ready.ok().map(|_| start.elapsed().as_nanos() as f64)
    };
    let samples: Option<Vec<f64>> = (0..plan.samples).map(sample).collect();
    Some(Duration::from_nanos(quantile(samples?, 0.5) as u64))
}

#[cfg(not(feature = "jit"))]
pub(super) fn compile(_sim: &Sim, _name: &str, _plan: Plan) -> Option<Duration> {
    None
}
