//! Test runs: which parts of a run each program type takes.
//!
//! What a type does not take is left out rather than refused, so that one input serves all types.

use crate::abi::{AttachType, ProgType};
use crate::kernel::job::{Job, ProgramJob, RunError, RunJob, RunResult};

use super::affinity;
use super::programs::Loaded;
use super::sys::{self, Run};

/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
const LIVE_FRAMES: u32 = 1 << 1;
/// By how much a packet may grow in a run.
const PACKET_ROOM: usize = 64 << 10;
/// Room for the context afterwards, more than any has.
const CTX_ROOM: usize = 512;
/// How often a run is tried again that a signal interrupted.
const ATTEMPTS: usize = 5;

/// What the kernel takes for a type, beside what it requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A packet and a context; both come back, and the run is repeated.
    Packet,
    /// As a packet, but a context must say how long it is.
    Frame,
    /// A packet; what comes back is not one.
    PacketOnly,
    /// A context, and the run is repeated.
    Repeated,
    /// A context, once.
    Once,
}

/// Does every run in order, on the CPU that it names: the process stays there meanwhile, so that
/// values of per-CPU maps are where they are expected. After each there is something to do.
pub(super) fn run(
    job: &Job,
    programs: &[Loaded],
    mut after: impl FnMut(),
) -> Vec<Result<RunResult, RunError>> {
    let _pinned = job.runs.first().map(|run| affinity::Pinned::to(run.cpu));
    job.runs
        .iter()
        .map(|run| {
            let index = run.program as usize;
            let fd = programs.get(index).and_then(|loaded| loaded.fd.as_ref());
            let fd = fd.ok_or(RunError::NotLoaded)?;
            let program = job.programs.get(index);
            let attached = program.filter(|program| is_attached(program));
            let link = attached.map(|_| sys::raw_tracepoint_open(fd, None));
            let _link = link.transpose().map_err(RunError::Errno)?;
            let result = one(run, shape(program.map_or(0, |job| job.prog_type)), fd);
            after();
            result.map_err(RunError::Errno)
        })
        .collect()
}

/// Whether a test run runs the program only if it is attached, to one of the functions that the run calls.
fn is_attached(program: &ProgramJob) -> bool {
    let on_call = matches!(
        AttachType::from_number(program.attach_type),
        Some(AttachType::TraceFentry | AttachType::TraceFexit)
    );
    program.prog_type == ProgType::Tracing.number() && on_call
}

fn shape(prog_type: u32) -> Shape {
    match ProgType::from_number(prog_type) {
        Some(ProgType::RawTracepoint | ProgType::Syscall | ProgType::Tracing) => Shape::Once,
        Some(ProgType::Xdp) => Shape::Frame,
        Some(ProgType::SkLookup) => Shape::Repeated,
        Some(ProgType::FlowDissector) => Shape::PacketOnly,
        _ => Shape::Packet,
    }
}

fn one(run: &RunJob, shape: Shape, fd: &std::os::fd::OwnedFd) -> sys::SysResult<RunResult> {
    let takes_packet = shape != Shape::Once && shape != Shape::Repeated;
    let returns_packet = takes_packet && run.flags & LIVE_FRAMES == 0;
    let returns_ctx = matches!(shape, Shape::Packet | Shape::Frame) && run.flags & LIVE_FRAMES == 0;
    let data = run.data.as_deref().filter(|_| takes_packet).unwrap_or(&[]);
    let room = |wanted: bool, size: usize| vec![0; if wanted { size } else { 0 }];
    let mut data_out = room(returns_packet, data.len() + PACKET_ROOM);
    let mut ctx_out = room(returns_ctx, CTX_ROOM);
    let mut ctx = match &run.ctx {
        Some(ctx) => ctx.clone(),
        None if shape == Shape::Frame => whole_frame(data),
        None => Vec::new(),
    };
    let mut request = Run {
        data,
        ctx: &mut ctx,
        data_out: &mut data_out,
        ctx_out: &mut ctx_out,
        repeat: if shape == Shape::Once { 0 } else { run.repeat },
        flags: run.flags,
        cpu: run.cpu,
        batch_size: run.batch_size,
    };
    let mut ran = sys::test_run(fd, &mut request);
    for _ in 1..ATTEMPTS {
        if !matches!(ran, Err(libc::EINTR | libc::EAGAIN)) {
            break;
        }
        ran = sys::test_run(fd, &mut request);
    }
    let ran = ran?;
    data_out.truncate(ran.data_len as usize);
    ctx_out.truncate(ran.ctx_len as usize);
    Ok(RunResult {
        retval: ran.retval,
        data: data_out,
        ctx: if shape == Shape::Once { ctx } else { ctx_out },
        duration: ran.duration,
    })
}

/// A `struct xdp_md` that says that all of the frame is there.
fn whole_frame(data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let words = [0, len, 0, 0, 0, 0];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}
