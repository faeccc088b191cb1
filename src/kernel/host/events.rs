//! Attaching programs to events, and making one happen.
//!
//! Links are descriptors: they are gone when this process is, however it ends.

#![expect(unsafe_code, reason = "a pointer in the attributes of a perf event")]

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kernel::errno_name;
use crate::kernel::job::{AttachPoint, Job};

use super::mapping::{PerfAttr, PerfScope, perf_enable, perf_event_open};
use super::programs::Loaded;
use super::sys;
use super::tracefs::Tracefs;

/// `PERF_TYPE_TRACEPOINT`.
const TRACEPOINT: u32 = 2;
/// Where the kernel says what number kprobes have.
const KPROBE_TYPE: &str = "/sys/bus/event_source/devices/kprobe/type";
/// In a kprobe's configuration: on return.
const RETPROBE: u64 = 1;

/// This executable.
const OWN: &str = "/proc/self/exe";

/// What keeps a program attached.
#[derive(Debug)]
#[expect(dead_code, reason = "descriptors that are held, not used")]
pub(super) struct Link {
    link: OwnedFd,
    event: Option<OwnedFd>,
}

/// Attaches what the job says, or tells why not.
pub(super) fn attach(job: &Job, programs: &[Loaded]) -> Vec<Result<Link, String>> {
    job.attach
        .iter()
        .map(|attach| {
            let loaded = programs.get(attach.program as usize);
            let prog = loaded.and_then(|loaded| loaded.fd.as_ref());
            one(prog.ok_or("the program is not loaded")?, &attach.point)
        })
        .collect()
}

/// Starts the command of the job and waits for its end. Where its file is not there, as in a guest
/// with nothing but this executable, this executable says its version instead.
pub(super) fn happen(job: &Job) -> Option<Result<i32, String>> {
    let (file, args) = job.command.split_first()?;
    let own = ["--version".to_owned()];
    let (file, args) = match Path::new(file).exists() {
        true => (file.as_str(), args),
        false => (OWN, &own[..]),
    };
    let mut command = Command::new(file);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status();
    Some(match status {
        Ok(status) => Ok(status.code().unwrap_or(-1)),
        Err(error) => Err(format!("{file}: {error}")),
    })
}

fn one(prog: &OwnedFd, point: &AttachPoint) -> Result<Link, String> {
    let said = |errno: i32| format!("cannot attach: {}", errno_name(errno));
    let plain = |link: OwnedFd| Link { link, event: None };
    match point {
        AttachPoint::Loaded => sys::raw_tracepoint_open(prog, None)
            .map(plain)
            .map_err(said),
        AttachPoint::RawTracepoint { name } => {
            let name = CString::new(name.as_str()).map_err(|error| error.to_string())?;
            let link = sys::raw_tracepoint_open(prog, Some(&name));
            link.map(plain).map_err(said)
        }
        AttachPoint::Tracepoint { category, name } => {
            let attr = PerfAttr {
                kind: TRACEPOINT,
                config: tracepoint_id(category, name)?,
                sample_period: 1,
                wakeup_events: 1,
                ..PerfAttr::default()
            };
            perf_link(prog, &attr)
        }
        AttachPoint::Kprobe {
            function,
            offset,
            returns,
        } => {
            let kind = std::fs::read_to_string(KPROBE_TYPE).ok();
            let kind = kind.and_then(|kind| kind.trim().parse().ok());
            let kind = kind.ok_or("the kernel has no kprobes")?;
            let function = CString::new(function.as_str()).map_err(|error| error.to_string())?;
            let attr = PerfAttr {
                kind,
                config: if *returns { RETPROBE } else { 0 },
                config1: function.as_ptr() as u64,
                config2: *offset,
                ..PerfAttr::default()
            };
            perf_link(prog, &attr)
        }
    }
}

/// Attaches to a perf event, whose pointers the caller keeps alive.
fn perf_link(prog: &OwnedFd, attr: &PerfAttr) -> Result<Link, String> {
    let said = |errno: i32| format!("cannot attach: {}", errno_name(errno));
    let scope = PerfScope { pid: -1, cpu: 0 };
    // SAFETY: the only pointer is a kprobe's function, a C string that the caller holds.
    let event = unsafe { perf_event_open(attr, scope) }.map_err(said)?;
    let link = sys::link_perf_event(prog, &event).map_err(said)?;
    perf_enable(&event).map_err(said)?;
    Ok(Link {
        link,
        event: Some(event),
    })
}

fn tracepoint_id(category: &str, name: &str) -> Result<u64, String> {
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name(category) || !is_name(name) {
        return Err(format!("`{category}/{name}` is no name of a tracepoint"));
    }
    let tracefs = Tracefs::open();
    let tracefs = tracefs.map_err(|errno| format!("there is no tracefs: {}", errno_name(errno)))?;
    let id = std::fs::read_to_string(tracefs.path(&format!("events/{category}/{name}/id")));
    id.ok()
        .and_then(|id| id.trim().parse().ok())
        .ok_or_else(|| format!("the kernel has no tracepoint `{category}/{name}`"))
}
