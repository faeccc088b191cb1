//! The `--kernel` option: which real kernel is asked, and its verdicts.
//!
//! It asks through the library and compares nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use ebpf_sim::abi::MapType;
use ebpf_sim::abi::privilege::Loader;
use ebpf_sim::btf::Btf;
use ebpf_sim::isa::Pc;
use ebpf_sim::kernel::host::Host;
use ebpf_sim::kernel::job::{Job, MapJob, Verdict};
use ebpf_sim::kernel::vm::{self, Vm, VmError};
use ebpf_sim::kernel::{Kernel, KernelError, errno_name, log};
use ebpf_sim::object::{Poisoned, Program};
use ebpf_sim::verifier::Stats;

use super::output::Output;
use super::verify::Answer;

/// The smallest ring buffer.
const PAGE_SIZE: u32 = 4096;

/// Which kernel to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Choice {
    /// Ask a real kernel: `host`, or `vm:` and an image or a version found under /boot.
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
}

impl Choice {
    /// What was asked for, as it was written.
    pub(super) fn target(&self) -> Option<&str> {
        self.kernel.as_deref()
    }

    /// The kernel that was asked for, if one was.
    pub(super) fn open(&self, output: &mut Output) -> anyhow::Result<Option<Oracle>> {
        let target = self.kernel.as_deref();
        target
            .map(|target| Oracle::open(target, output))
            .transpose()
    }
}

/// A real kernel, ready to be asked.
pub(super) struct Oracle {
    kernel: Box<dyn Kernel>,
}

impl Oracle {
    /// Opens `host`, or boots `vm:…`.
    pub(super) fn open(target: &str, output: &mut Output) -> anyhow::Result<Oracle> {
        let kernel: Box<dyn Kernel> = match target.split_once(':') {
            None if target == "host" => Box::new(Host::open()?),
            Some(("vm", image)) => {
                let vm = Vm::boot(vm::Options::parse(image)?)?;
                for note in vm.notes() {
                    output.note(note)?;
                }
                Box::new(vm)
            }
            _ => bail!("`--kernel {target}` is neither `host` nor `vm:` and an image or version"),
        };
        Ok(Oracle { kernel })
    }

    /// The kernel itself.
    pub(super) fn kernel(&mut self) -> &mut dyn Kernel {
        self.kernel.as_mut()
    }

    /// Its types, if they are known.
    pub(super) fn btf(&mut self) -> Option<Arc<Btf>> {
        self.kernel.btf()
    }

    /// Its configuration, if it is known.
    pub(super) fn config(&mut self) -> Option<Vec<u8>> {
        self.kernel.config()
    }

    /// Its symbols, if they are known.
    pub(super) fn symbols(&mut self) -> Option<String> {
        self.kernel.symbols()
    }

    /// Its release, as `uname -r` says.
    pub(super) fn release(&self) -> String {
        self.kernel.info().release.clone()
    }

    /// What it says of a program that is loaded like this, with its log at that level.
    pub(super) fn judge(
        &mut self,
        program: &Program,
        level: u32,
        loader: Loader,
    ) -> anyhow::Result<Answer> {
        let mut job = Job::of_program(program);
        give_rooms(&mut job);
        job.without = loader.capabilities.missing();
        for program in &mut job.programs {
            program.flags |= loader.flags.bits();
            // Statistics as well.
            program.log_level = level | 4;
        }
        let mut result = match self.kernel.execute(&job) {
            Err(KernelError::Vm(error)) => return unfinished(error),
            result => result?,
        };
        let judged = result
            .programs
            .pop()
            .context("the kernel gave no verdict")?;
        let stats = judged.stats.unwrap_or_default();
        let refusal = match judged.verdict {
            Verdict::Accepted => None,
            Verdict::Refused { errno } => {
                let reason = lack(program, &judged.log);
                let reason = reason.or_else(|| log::reason(&judged.log).map(str::to_owned));
                let reason = reason.unwrap_or_else(|| errno_name(errno).into_owned());
                Some((reason, Some(errno)))
            }
            Verdict::Unloadable { reason } => Some((reason, None)),
        };
        Ok(Answer {
            pc: refusal.as_ref().and_then(|_| log::last_pc(&judged.log)),
            refusal,
            stats: Stats {
                insns_processed: stats.insns,
                total_states: stats.total_states,
                peak_states: stats.peak_states,
                max_states_per_insn: stats.max_states_per_insn,
                longest_mark_read: stats.longest_mark_read,
                peak_pending: 0,
            },
            log: judged.log,
            duration: Duration::from_nanos(judged.duration),
        })
    }
}

/// What a relocation did not find, if the kernel stopped at the call that stands for it.
fn lack(program: &Program, log: &str) -> Option<String> {
    let pc = log::last_pc(log)?;
    let mut poisoned = program.poisoned.iter();
    let Poisoned { subject, lack, .. } = poisoned.find(|poisoned| poisoned.pc == Pc(pc))?;
    Some(format!(
        "failed to resolve CO-RE relocation {subject}: {lack}"
    ))
}

/// Gives maps room, also those of programs that are attached to.
fn give_rooms(job: &mut Job) {
    job.maps.iter_mut().for_each(give_room);
    let targets = job
        .programs
        .iter_mut()
        .filter_map(|program| program.target.as_mut());
    targets.for_each(|target| give_rooms(&mut target.job));
}

/// Gives a map without a size, which its user would give it, the smallest that there is, as veristat does.
fn give_room(map: &mut MapJob) {
    let map_type = MapType::from_number(map.map_type);
    let is_ring = matches!(map_type, Some(MapType::Ringbuf | MapType::UserRingbuf));
    // These have none, or as many as there are CPUs.
    let has_none = matches!(
        map_type,
        Some(
            MapType::SkStorage
                | MapType::InodeStorage
                | MapType::TaskStorage
                | MapType::CgrpStorage
                | MapType::CgroupStorage
                | MapType::PercpuCgroupStorage
                | MapType::PerfEventArray
        )
    );
    if map.max_entries == 0 && !has_none {
        map.max_entries = if is_ring { PAGE_SIZE } else { 1 };
    }
}

/// The answer about a program that the guest did not survive or finish: others have a new one.
fn unfinished(error: VmError) -> anyhow::Result<Answer> {
    let reason = match error {
        VmError::JobTimeout { limit, .. } => format!("not done within {} s", limit.as_secs()),
        VmError::Panic { reason, .. } => format!("the guest's kernel panicked: {reason}"),
        VmError::Ended { .. } => "the guest ended unexpectedly".to_owned(),
        error => return Err(error.into()),
    };
    Ok(Answer {
        refusal: Some((reason, None)),
        pc: None,
        stats: Stats::default(),
        log: String::new(),
        duration: Duration::ZERO,
    })
}
