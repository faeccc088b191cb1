//! Loading type information and programs.
//!
//! It runs none.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use crate::btf::{Btf, Kind, KindFilter};
use crate::kernel::errno_name;
use crate::kernel::job::{
    AttachName, BtfResult, Job, ProgramJob, ProgramResult, Stats, TargetJob, Verdict,
};
use crate::kernel::log::verification_time;
use crate::kernel::records::{STEPS, Section};

use super::maps::{self, Made};
use super::privilege::without;
use super::sys::{self, Load, SysResult};

/// Operation code of a 64-bit immediate.
const LOAD_IMM64: u8 = 0x18;
/// Source registers of map references: `BPF_PSEUDO_MAP_FD` and `BPF_PSEUDO_MAP_VALUE`.
const MAP_REFERENCES: [u8; 2] = [1, 2];
/// `BPF_PROG_TYPE_EXT`.
const EXT: u32 = 28;

/// Room for the log at first, and at the most.
const LOG_SIZES: [usize; 3] = [64 << 10, 2 << 20, 32 << 20];
/// How often a load is tried again that a signal interrupted.
const ATTEMPTS: usize = 5;

/// A program that was tried.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) fd: Option<OwnedFd>,
    pub(super) result: ProgramResult,
}

/// Whether the smallest program can be loaded.
pub(super) fn probe() -> SysResult<()> {
    // r0 = 0; exit
    let insns = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let load = Load {
        prog_type: 1,
        attach_type: 0,
        attach_btf_id: 0,
        attach_prog: None,
        flags: 0,
        name: maps::name("probe"),
        insns: &insns,
        licence: c"GPL",
        btf: None,
        func_info: &[],
        line_info: &[],
        log_level: 0,
    };
    sys::prog_load(&load, &mut []).map(drop)
}

/// Loads type information, in simpler words where the kernel does not know some of it.
pub(super) fn load_btf(btf: Option<&[u8]>) -> (Option<OwnedFd>, BtfResult) {
    let Some(bytes) = btf else {
        return (None, BtfResult::None);
    };
    if let Ok(fd) = sys::btf_load(bytes, &mut []) {
        return (Some(fd), BtfResult::Loaded);
    }
    let mut section = Section::new(bytes.to_vec());
    for step in STEPS {
        step(&mut section);
        if let Ok(fd) = sys::btf_load(&section.bytes, &mut []) {
            return (Some(fd), BtfResult::Simplified);
        }
    }
    let mut log = vec![0; LOG_SIZES[0]];
    let errno = match sys::btf_load(bytes, &mut log) {
        Ok(fd) => return (Some(fd), BtfResult::Loaded),
        Err(errno) => errno,
    };
    let log = text(&log);
    let last = log.lines().rev().find(|line| !line.is_empty());
    let log = last.unwrap_or_default().to_owned();
    (None, BtfResult::Refused { errno, log })
}

/// Loads every program. `types` are the kernel's, which only some programs need.
pub(super) fn load<'a>(
    job: &Job,
    btf: Option<&OwnedFd>,
    maps: &[Made],
    cpus: u32,
    types: impl Fn() -> Option<&'a Arc<Btf>>,
) -> Vec<Loaded> {
    let loaded = job.programs.iter().map(|program| {
        let prepared = Prepared::new(job, program, maps, cpus, &types);
        let loaded =
            prepared.and_then(|prepared| without(job.without, || prepared.load(program, btf)));
        match loaded {
            Ok(loaded) => loaded,
            Err(reason) => Loaded {
                fd: None,
                result: ProgramResult {
                    verdict: Verdict::Unloadable { reason },
                    log: String::new(),
                    stats: None,
                    duration: 0,
                },
            },
        }
    });
    loaded.collect()
}

/// What a program needs of this kernel.
struct Prepared {
    insns: Vec<[u8; 8]>,
    attach_btf_id: u32,
    attach_prog: Option<OwnedFd>,
    licence: CString,
    func_info: Vec<[u32; 2]>,
    line_info: Vec<[u32; 4]>,
}

impl Prepared {
    fn new<'a>(
        job: &Job,
        program: &ProgramJob,
        maps: &[Made],
        cpus: u32,
        types: impl Fn() -> Option<&'a Arc<Btf>>,
    ) -> Result<Prepared, String> {
        if program.prog_type == EXT && program.target.is_none() {
            return Err("it replaces a function of another program".to_owned());
        }
        let (insns, _) = program.insns.as_chunks::<8>();
        let mut insns = insns.to_vec();
        bind_maps(&mut insns, job, maps)?;
        let (attach_btf_id, attach_prog) = match (&program.target, &program.attach) {
            (Some(target), _) => (target.function, Some(load_target(target, cpus, types())?)),
            (None, Some(name)) => (find_target(name, types())?, None),
            (None, None) => (0, None),
        };
        let func_info = program.func_info.iter();
        let line_info = program.line_info.iter();
        Ok(Prepared {
            insns,
            attach_btf_id,
            attach_prog,
            licence: CString::new(program.licence.as_str()).unwrap_or_default(),
            func_info: func_info.map(|info| [info.insn, info.func]).collect(),
            line_info: line_info
                .map(|info| [info.insn, info.file, info.text, info.line_column])
                .collect(),
        })
    }

    fn load(&self, program: &ProgramJob, btf: Option<&OwnedFd>) -> Loaded {
        let mut load = Load {
            prog_type: program.prog_type,
            attach_type: program.attach_type,
            attach_btf_id: self.attach_btf_id,
            attach_prog: self.attach_prog.as_ref(),
            flags: program.flags,
            name: maps::name(&program.name),
            insns: &self.insns,
            licence: &self.licence,
            btf,
            func_info: &self.func_info,
            line_info: &self.line_info,
            log_level: program.log_level,
        };
        let sizes = match program.log_level {
            0 => &[0][..],
            _ => &LOG_SIZES[..],
        };
        let (mut result, mut log) = (Err(libc::ENOSPC), String::new());
        let mut start = Instant::now();
        for &size in sizes {
            start = Instant::now();
            let mut buffer = vec![0; size];
            result = attempt(&load, &mut buffer);
            log = text(&buffer);
            if !matches!(result, Err(libc::ENOSPC)) {
                break;
            }
        }
        if matches!(result, Err(libc::ENOSPC)) {
            // The log does not fit into any buffer; the verdict counts.
            load.log_level = 0;
            start = Instant::now();
            result = attempt(&load, &mut []);
        }
        let elapsed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let duration = verification_time(&log).unwrap_or(elapsed);
        let verdict = match &result {
            Ok(_) => Verdict::Accepted,
            Err(errno) => Verdict::Refused { errno: *errno },
        };
        Loaded {
            fd: result.ok(),
            result: ProgramResult {
                verdict,
                stats: stats(&log),
                log,
                duration,
            },
        }
    }
}

/// Loads, and again where a signal interrupted.
fn attempt(load: &Load<'_>, log: &mut [u8]) -> SysResult<OwnedFd> {
    let mut result = sys::prog_load(load, log);
    for _ in 1..ATTEMPTS {
        if !matches!(result, Err(libc::EAGAIN)) {
            break;
        }
        result = sys::prog_load(load, log);
    }
    result
}

/// Puts descriptors in place of the indices of maps.
fn bind_maps(insns: &mut [[u8; 8]], job: &Job, maps: &[Made]) -> Result<(), String> {
    let mut at = 0;
    while let Some(insn) = insns.get_mut(at) {
        at += 1;
        let [opcode, regs, _, _, imm @ ..] = insn;
        if *opcode != LOAD_IMM64 {
            continue;
        }
        at += 1;
        if !MAP_REFERENCES.contains(&(*regs >> 4)) {
            continue;
        }
        let index = u32::from_le_bytes(*imm) as usize;
        let fd = match maps.get(index) {
            Some(Ok(map)) => map.number(),
            Some(Err(failure)) => {
                let map = job.maps.get(index).map_or("", |map| &map.name);
                let errno = errno_name(failure.errno);
                return Err(format!("map `{map}`: cannot {}: {errno}", failure.step));
            }
            // The kernel says what it thinks of it.
            None => -1,
        };
        *imm = fd.to_le_bytes();
    }
    Ok(())
}

/// Loads the program that another attaches to.
fn load_target(target: &TargetJob, cpus: u32, types: Option<&Arc<Btf>>) -> Result<OwnedFd, String> {
    let job = &target.job;
    let (btf, _) = load_btf(job.btf.as_deref());
    let maps = maps::make(job, btf.as_ref(), cpus);
    let loaded = load(job, btf.as_ref(), &maps, cpus, || types).pop();
    let loaded = loaded.ok_or("the program that it attaches to is missing")?;
    let name = job.programs.first().map_or("", |program| &program.name);
    loaded.fd.ok_or_else(|| {
        let why = match loaded.result.verdict {
            Verdict::Unloadable { reason } => reason,
            Verdict::Refused { errno } => errno_name(errno).into_owned(),
            Verdict::Accepted => "it gave no descriptor".to_owned(),
        };
        format!("the program that it attaches to, {name}, cannot be loaded: {why}")
    })
}

/// What a program attaches to, in the kernel's types.
fn find_target(name: &AttachName, types: Option<&Arc<Btf>>) -> Result<u32, String> {
    let types = types.ok_or("the kernel shows no types in /sys/kernel/btf/vmlinux")?;
    let (what, text, kind) = match name {
        AttachName::Function(text) => ("function", text, KindFilter::FUNC),
        AttachName::Typedef(text) => ("tracepoint", text, KindFilter::of(Kind::Typedef)),
        AttachName::Structure(text) => ("structure", text, KindFilter::STRUCT),
    };
    let id = types.find(text, kind);
    id.map(|id| id.0)
        .ok_or_else(|| format!("the kernel has no {what} `{text}`"))
}

/// The text in a log's buffer.
fn text(buffer: &[u8]) -> String {
    let text = buffer.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The numbers of the line that begins with `processed`.
fn stats(log: &str) -> Option<Stats> {
    let line = log
        .lines()
        .rev()
        .find(|line| line.starts_with("processed "))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse().ok()
    };
    Some(Stats {
        insns: after("processed")?,
        total_states: after("total_states").unwrap_or(0),
        peak_states: after("peak_states").unwrap_or(0),
        max_states_per_insn: after("max_states_per_insn").unwrap_or(0),
        longest_mark_read: after("mark_read").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_line_is_read_and_others_are_not() {
        let log = "0: (95) exit\nR0 !read_ok\nprocessed 12 insns (limit 1000000) \
                   max_states_per_insn 1 total_states 3 peak_states 2 mark_read 1\n";
        let want = Stats {
            insns: 12,
            total_states: 3,
            peak_states: 2,
            max_states_per_insn: 1,
            longest_mark_read: 1,
        };
        assert_eq!(stats(log), Some(want));
        assert_eq!(stats("R0 !read_ok\n"), None);
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(text(b"abc\0def"), "abc");
        assert_eq!(text(b""), "");
    }
}
