//! The kernel that this process runs on, asked with bpf(2).
//!
//! It is neither a loader nor a daemon: everything it makes is a descriptor that is closed when the
//! job is done, also when the process is killed. Nothing is pinned.
//!
//! Rules:
//! - The kernel is asked in libbpf's order: BTF, maps with their contents, programs, programs into
//!   arrays, runs, events.
//! - What the kernel refuses because it is older is asked again without: BTF kinds, types of maps.
//! - The machine is shared: maps beyond [`MAP_LIMIT`] are not made.

mod affinity;
mod contents;
mod events;
mod mapping;
mod maps;
mod permission;
mod privilege;
mod programs;
mod runs;
mod sys;
mod trace;
mod tracefs;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, OnceLock};

use crate::btf::Btf;

use super::job::{Job, JobResult, KernelInfo, Trace};
use super::{Kernel, KernelError};

pub use maps::MAP_LIMIT;
pub(super) use privilege::permit_everybody;

/// Where the kernel shows its types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// This kernel.
#[derive(Debug)]
pub struct Host {
    info: KernelInfo,
    btf: OnceLock<Option<Arc<Btf>>>,
}

impl Host {
    /// This kernel, if the process may use bpf(2).
    ///
    /// # Errors
    /// It may not; what is missing is named.
    pub fn open() -> Result<Host, KernelError> {
        if let Some(missing) = permission::missing() {
            return Err(KernelError::Permission { missing });
        }
        programs::probe().map_err(|errno| match errno {
            libc::EPERM => KernelError::Permission {
                missing: permission::FORBIDDEN.to_owned(),
            },
            _ => KernelError::System {
                what: "bpf(2)",
                source: io::Error::from_raw_os_error(errno),
            },
        })?;
        Ok(Host {
            info: info(),
            btf: OnceLock::new(),
        })
    }

    fn types(&self) -> Option<&Arc<Btf>> {
        let read = || Some(Arc::new(Btf::parse(std::fs::read(KERNEL_BTF).ok()?).ok()?));
        self.btf.get_or_init(read).as_ref()
    }
}

impl Kernel for Host {
    fn info(&self) -> &KernelInfo {
        &self.info
    }

    fn btf(&mut self) -> Option<Arc<Btf>> {
        self.types().cloned()
    }

    fn config(&mut self) -> Option<Vec<u8>> {
        let installed = format!("/boot/config-{}", self.info.release);
        let paths = ["/proc/config.gz", &installed];
        paths.iter().find_map(|path| std::fs::read(path).ok())
    }

    fn symbols(&mut self) -> Option<String> {
        let text = std::fs::read_to_string("/proc/kallsyms").ok()?;
        // Who may not see the addresses is shown zeros.
        let is_shown = |line: &str| line.starts_with(|first: char| first != '0');
        text.lines().any(is_shown).then_some(text)
    }

    fn execute(&mut self, job: &Job) -> Result<JobResult, KernelError> {
        let (btf_fd, btf) = programs::load_btf(job.btf.as_deref());
        let maps = maps::make(job, btf_fd.as_ref(), self.info.cpus);
        let readers = contents::Readers::open(job, &maps, self.info.cpus);
        let programs = programs::load(job, btf_fd.as_ref(), &maps, self.info.cpus, || self.types());
        let maps = maps::insert_programs(job, maps, &programs);
        let mut pipe = match job.trace {
            Trace::Read => Some(trace::Pipe::open()),
            Trace::Ignore => None,
        };
        let runs = runs::run(job, &programs, || {
            if let Some(Ok(pipe)) = &mut pipe {
                // What cannot be read now is said when it is read at the end.
                let _kept: Result<(), String> = pipe.keep();
            }
        });
        let links = events::attach(job, &programs);
        let command = events::happen(job);
        let attached = links.into_iter().map(|link| link.map(drop)).collect();
        let trace = pipe.map(|pipe| pipe.and_then(|mut pipe| pipe.lines()));
        let contents = contents::read(job, &maps, readers);
        Ok(JobResult {
            kernel: self.info.clone(),
            btf,
            maps: maps.into_iter().map(|map| map.map(drop)).collect(),
            programs: programs.into_iter().map(|program| program.result).collect(),
            runs,
            attached,
            command,
            contents,
            trace,
        })
    }
}

/// Release, machine and CPUs, as far as the system tells them.
fn info() -> KernelInfo {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    KernelInfo {
        release: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        machine: std::env::consts::ARCH.to_owned(),
        cpus: possible_cpus(read("/sys/devices/system/cpu/possible").trim()),
    }
}

/// How many CPUs a list such as `0-3,8` needs room for.
fn possible_cpus(list: &str) -> u32 {
    let last = list.rsplit([',', '-']).next();
    let last: Option<u32> = last.and_then(|last| last.parse().ok());
    let online = || std::thread::available_parallelism().map_or(1, usize::from);
    last.and_then(|last| last.checked_add(1))
        .unwrap_or_else(|| u32::try_from(online()).unwrap_or(1))
}
