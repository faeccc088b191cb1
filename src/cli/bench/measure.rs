//! Samples of a program's runs.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use ebpf_sim::machine::{Cpus, ProgId};
use ebpf_sim::sim::{Repeated, Sim};

use super::{Plan, event};

/// How long a sample takes, where nothing else is asked for: less than what a scheduler gives a
/// process at a time, so that on a busy machine most samples are whole.
const SAMPLE: Duration = Duration::from_millis(1);

/// Most runs of a sample.
const MAX_REPEAT: u32 = 10_000_000;

/// Nanoseconds a run, sample by sample, sorted.
#[derive(Clone, Debug)]
pub(super) struct Times {
    samples: Vec<f64>,
    /// Runs in a sample.
    pub(super) repeat: u32,
}

impl Times {
    fn new(mut samples: Vec<f64>, repeat: u32) -> Times {
        samples.sort_by(f64::total_cmp);
        Times { samples, repeat }
    }

    /// The middle of the samples.
    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The distance between the quartiles as a part of the median.
    pub(super) fn spread(&self) -> f64 {
        (self.at(0.75) - self.at(0.25)) / self.median()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    fn at(&self, part: f64) -> f64 {
        let last = self.samples.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.samples.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// Runs a program once, and gives how many instructions that were.
pub(super) fn once(sim: &mut Sim, name: &str, packet: &[u8]) -> Result<Option<u64>, String> {
    let id = id_of(sim, name)?;
    Ok(repeat(sim, id, packet, 1)?.outcome.insns)
}

/// Measures a program in a simulator.
pub(super) fn simulated(
    sim: &mut Sim,
    name: &str,
    packet: &[u8],
    plan: Plan,
) -> Result<Times, String> {
    let id = id_of(sim, name)?;
    let mut take = |times| match plan.cpus.count() {
        1 => repeat(sim, id, packet, times).map(|repeated| repeated.duration),
        _ => together(sim, id, packet, (plan.cpus, times)),
    };
    let times = match plan.repeat {
        Some(times) => times,
        None => runs_in(SAMPLE, &mut take)?,
    };
    let mut samples = Vec::new();
    for _ in 0..=plan.samples {
        let runs = f64::from(times) * f64::from(plan.cpus.count());
        samples.push(take(times)?.as_nanos() as f64 / runs);
    }
    // The first one warms up.
    samples.remove(0);
    Ok(Times::new(samples, times))
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
    let start = Barrier::new(prepared.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .into_iter()
            .map(|mut prepared| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
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
    Some(Duration::from_nanos(Times::new(samples?, 1).median() as u64))
}

#[cfg(not(feature = "jit"))]
pub(super) fn compile(_sim: &Sim, _name: &str, _plan: Plan) -> Option<Duration> {
    None
}

/// Measures a program in this host's kernel.
#[cfg(all(feature = "kernel", target_os = "linux"))]
pub(super) fn in_kernel(
    loaded: &super::Loaded,
    name: &str,
    packet: &[u8],
    plan: Plan,
) -> Result<Times, String> {
    use ebpf_sim::kernel::Kernel as _;
    use ebpf_sim::kernel::host::Host;
    use ebpf_sim::kernel::job::{Job, JobResult, RunJob};

    let text = |error: &dyn std::fmt::Display| error.to_string();
    let programs: Vec<_> = loaded.programs.iter().flatten().collect();
    let index = programs.iter().position(|program| program.name == name);
    let index = index.ok_or("there is no such program")?;
    let mut kernel = Host::open().map_err(|error| text(&error))?;
    let mut job = Job::new(
        loaded.btf.as_deref(),
        &loaded.maps,
        programs.iter().map(|program| program.as_ref()),
    );
    let mut ask = |times: u32, samples: u32| -> Result<Vec<u32>, String> {
        let run = RunJob {
            program: index as u32,
            data: Some(packet.to_vec()),
            repeat: times,
            ..RunJob::default()
        };
        job.runs = (0..samples).map(|_| run.clone()).collect();
        let JobResult { runs, .. } = kernel.execute(&job).map_err(|error| text(&error))?;
        let durations = runs.into_iter().map(|run| match run {
            Ok(run) => Ok(run.duration),
            Err(error) => Err(format!("the kernel does not run it: {error:?}")),
        });
        durations.collect()
    };
    let times = match plan.repeat {
        Some(times) => times,
        None => {
            let first = ask(64, 2)?.last().copied().unwrap_or(1).max(1);
            let wanted = SAMPLE.as_nanos() as f64 / f64::from(first);
            (wanted as u32).clamp(16, MAX_REPEAT)
        }
    };
    let durations = ask(times, plan.samples + 1)?;
    let samples = durations
        .iter()
        .skip(1)
        .map(|nanos| f64::from(*nanos))
        .collect();
    Ok(Times::new(samples, times))
}
