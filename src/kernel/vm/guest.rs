//! One boot of a guest, from start to end, seen from the host.
//!
//! It decides nothing about what to do when a guest fails; it says how it failed.
//!
//! Rules:
//! - Every wait has a limit.
//! - When the channel breaks, the cause is looked for in this order: qemu was killed, the kernel
//!   panicked, qemu failed. What is left has no known cause.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use super::console::Console;
use super::error::VmError;
use super::frame::{self, Kind};
use super::qemu::{Engine, Machine, Qemu};
use crate::kernel::KernelInfo;

/// How often a wait looks around.
const TICK: Duration = Duration::from_millis(50);
/// How long qemu has to end once its channel broke, or the guest was told to power off.
const END: Duration = Duration::from_secs(5);
/// How qemu announces that KVM met what it cannot do; it stands still then.
const KVM_FAILURE: &str = "KVM internal error";

/// A running guest whose agent answers.
pub(super) struct Guest {
    qemu: Qemu,
    stream: UnixStream,
    engine: Engine,
    info: KernelInfo,
}

/// What was waited for when something failed.
#[derive(Clone, Copy)]
enum Phase {
    Boot(Duration),
    Job(Duration),
}

impl Guest {
    /// Starts a guest and waits until it is ready.
    pub(super) fn boot(machine: &Machine<'_>, limit: Duration) -> Result<Guest, VmError> {
        let start = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => VmError::QemuMissing {
                program: machine.program.to_owned(),
            },
            _ => VmError::QemuStart {
                program: machine.program.to_owned(),
                source,
            },
        };
        let (qemu, stream) = Qemu::start(machine).map_err(start)?;
        let ticks = stream
            .set_read_timeout(Some(TICK))
            .and_then(|()| stream.set_write_timeout(Some(TICK)));
        ticks.map_err(start)?;
        let mut guest = Guest {
            qemu,
            stream,
            engine: machine.engine,
            info: KernelInfo::default(),
        };
        guest.info = guest.greet(limit)?;
        Ok(guest)
    }

    /// Which kernel it runs.
    pub(super) fn info(&self) -> &KernelInfo {
        &self.info
    }

    /// The process id of its qemu.
    pub(super) fn pid(&self) -> u32 {
        self.qemu.pid()
    }

    /// What it said by now.
    pub(super) fn console(&self) -> Console {
        self.qemu.console()
    }

    /// Asks for something and gets the result.
    pub(super) fn ask(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, VmError> {
        let phase = Phase::Job(limit);
        let answer = self.exchange(kind, bytes, limit);
        match answer.map_err(|error| self.cause(&error, phase))? {
            (Kind::Result, bytes) => Ok(bytes),
            (Kind::Failure, bytes) => Err(VmError::Guest {
                reason: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            (kind @ (Kind::Hello | Kind::Job | Kind::Btf), _) => {
                Err(self.nonsense(format!("a {kind:?}")))
            }
        }
    }

    /// Ends it as a machine ends that is switched off by its system.
    pub(super) fn power_off(mut self) -> Result<(), VmError> {
        // It fails only if the other end is gone, which the wait finds out.
        let _ = self.stream.shutdown(Shutdown::Write);
        match self.qemu.wait(END) {
            Some(status) if status.success() => Ok(()),
            Some(_) => Err(self.end()),
            None => Err(VmError::Ended {
                console: self.qemu.console(),
            }),
        }
    }

    fn greet(&mut self, limit: Duration) -> Result<KernelInfo, VmError> {
        let mut timed = Timed::new(&self.stream, &self.qemu, limit);
        let hello = frame::read(&mut timed).and_then(some);
        match hello.map_err(|error| self.cause(&error, Phase::Boot(limit)))? {
            (Kind::Hello, bytes) => postcard::from_bytes(&bytes).map_err(|error| {
                self.nonsense(format!("a greeting that does not decode ({error})"))
            }),
            (Kind::Failure, bytes) => Err(VmError::Guest {
                reason: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            (kind @ (Kind::Job | Kind::Result | Kind::Btf), _) => {
                Err(self.nonsense(format!("a {kind:?} for a greeting")))
            }
        }
    }

    fn exchange(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        limit: Duration,
    ) -> io::Result<(Kind, Vec<u8>)> {
        let mut timed = Timed::new(&self.stream, &self.qemu, limit);
        frame::write(&mut timed, kind, bytes)?;
        frame::read(&mut timed).and_then(some)
    }

    fn nonsense(&self, what: String) -> VmError {
        VmError::Protocol {
            what,
            console: self.qemu.console(),
        }
    }

    /// Why the channel failed.
    fn cause(&mut self, error: &io::Error, phase: Phase) -> VmError {
        let stderr = self.qemu.stderr();
        if let Some((_, rest)) = stderr.text().split_once(KVM_FAILURE) {
            let detail = rest.lines().next().unwrap_or_default();
            return VmError::Kvm {
                reason: format!("{KVM_FAILURE}{detail}"),
            };
        }
        match error.kind() {
            io::ErrorKind::TimedOut => self.timeout(phase),
            io::ErrorKind::InvalidData => self.nonsense(error.to_string()),
            _ => self.end(),
        }
    }

    fn timeout(&self, phase: Phase) -> VmError {
        let console = self.qemu.console();
        if let Some(reason) = console.panic() {
            let reason = reason.to_owned();
            return VmError::Panic { reason, console };
        }
        match phase {
            Phase::Boot(limit) => VmError::BootTimeout { limit, console },
            Phase::Job(limit) => VmError::JobTimeout { limit, console },
        }
    }

    /// Why qemu is gone, or about to go.
    fn end(&mut self) -> VmError {
        let status = self.qemu.wait(END);
        let console = self.qemu.console();
        // It aborts itself where KVM does not do what it counts on: that is a failure like others.
        let signal = status.and_then(|status| status.signal());
        if let Some(signal) = signal.filter(|signal| *signal != libc::SIGABRT) {
            return VmError::QemuKilled { signal, console };
        }
        if let Some(reason) = console.panic() {
            let reason = reason.to_owned();
            return VmError::Panic { reason, console };
        }
        let stderr = self.qemu.stderr();
        match (status, self.engine) {
            (Some(status), Engine::Kvm) if !status.success() => VmError::Kvm {
                reason: first_line(&stderr),
            },
            (Some(status), Engine::Tcg) if !status.success() => {
                VmError::QemuFailed { status, stderr }
            }
            (_, Engine::Kvm | Engine::Tcg) => VmError::Ended { console },
        }
    }
}

fn first_line(console: &Console) -> String {
    let text = console.text();
    text.trim().lines().next().unwrap_or_default().to_owned()
}

/// A message, or that the stream ended instead.
fn some<T>(message: Option<T>) -> io::Result<T> {
    message.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// The channel with a limit: the stream itself gives up at every tick.
struct Timed<'a> {
    stream: &'a UnixStream,
    qemu: &'a Qemu,
    deadline: Instant,
}

impl<'a> Timed<'a> {
    fn new(stream: &'a UnixStream, qemu: &'a Qemu, limit: Duration) -> Timed<'a> {
        Timed {
            stream,
            qemu,
            deadline: Instant::now() + limit,
        }
    }

    /// Tries until it succeeds, the time is up, or qemu stands still.
    fn retry(
        &self,
        mut attempt: impl FnMut(&UnixStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match attempt(self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if Instant::now() >= self.deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.qemu.stderr().text().contains(KVM_FAILURE) {
                return Err(io::Error::other(KVM_FAILURE));
            }
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(|mut stream| stream.read(buffer))
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(|mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
