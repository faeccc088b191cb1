//! Samples of a program's runs in this host's kernel.

use ebpf_sim::kernel::Kernel as _;
use ebpf_sim::kernel::host::Host;
use ebpf_sim::kernel::job::{Job, JobResult, RunJob};

use super::Loaded;
use super::measure::{MAX_REPEAT, Meter, SAMPLE};

/// Runs of a program by `BPF_PROG_TEST_RUN`, loaded anew for each turn.
pub(super) struct InKernel<'a> {
    kernel: Host,
    job: Job,
    index: usize,
    packet: &'a [u8],
}

impl<'a> InKernel<'a> {
    pub(super) fn new(
        loaded: &Loaded,
        name: &str,
        packet: &'a [u8],
    ) -> Result<InKernel<'a>, String> {
        let programs: Vec<_> = loaded.programs.iter().flatten().collect();
        let index = programs.iter().position(|program| program.name == name);
        Ok(InKernel {
            kernel: Host::open().map_err(|error| error.to_string())?,
            job: Job::new(
                loaded.btf.as_deref(),
                &loaded.maps,
                programs.iter().map(|program| program.as_ref()),
            ),
            index: index.ok_or("there is no such program")?,
            packet,
        })
    }

    /// Nanoseconds that each of so many runs took on the mean, by the kernel's own clock, so often.
    fn ask(&mut self, count: u32, times: u32) -> Result<Vec<f64>, String> {
        let run = RunJob {
            program: self.index as u32,
            data: Some(self.packet.to_vec()),
            repeat: times,
            ..RunJob::default()
        };
        // The first one warms up what was just loaded.
        self.job.runs = vec![run; 1 + count as usize];
        let done = self.kernel.execute(&self.job);
        let JobResult { runs, .. } = done.map_err(|error| error.to_string())?;
        let durations = runs.into_iter().skip(1).map(|run| match run {
            Ok(run) => Ok(f64::from(run.duration)),
            Err(error) => Err(format!("the kernel does not run it: {error:?}")),
        });
        durations.collect()
    }
}

impl Meter for InKernel<'_> {
    fn repeat(&mut self) -> Result<u32, String> {
        let taken = self.ask(1, 64)?.into_iter().fold(1.0, f64::max);
        let wanted = SAMPLE.as_nanos() as f64 / taken;
        Ok((wanted as u32).clamp(16, MAX_REPEAT))
    }

    fn samples(&mut self, count: u32, repeat: u32) -> Result<Vec<f64>, String> {
        self.ask(count, repeat)
    }
}
