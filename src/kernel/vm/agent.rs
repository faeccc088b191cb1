//! What this executable is inside a guest: its init, which does jobs and then switches off.
//!
//! It knows nothing of qemu; it reads jobs from a port and writes results to it.
//!
//! Rules:
//! - It is entered only as process 1 and with an argument of its own, so that a container that starts the
//!   command as its first process gets the command.
//! - It never returns: the kernel panics when its init does. What goes wrong is said on the
//!   console.

#![expect(unsafe_code, reason = "mount and reboot are system calls")]

use std::ffi::{CStr, CString};
use std::fs::{File, OpenOptions};
use std::io;
use std::time::{Duration, Instant};

use super::frame::{self, Kind};
use crate::kernel::host::{Host, permit_everybody};
use crate::kernel::{Job, Kernel, KernelError};

/// The argument by which the host's kernel command line tells init what it is.
pub(super) const ARGUMENT: &str = "ebpf-sim-guest";
/// The first port of the first virtio-serial device.
const PORT: &str = "/dev/vport0p1";
/// Where the kernel shows its types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";
/// How long the port's driver has to find it.
const PORT_LIMIT: Duration = Duration::from_secs(20);

/// A file system the guest needs.
pub(super) struct Mount {
    kind: &'static CStr,
    pub(super) target: &'static str,
    need: Need,
}

/// Whether a guest is of use without a file system.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It is not.
    Must,
    /// It is, for what does not ask for this: the kernel may be built without.
    May,
}

/// What is mounted, in order.
pub(super) const MOUNTS: [Mount; 5] = [
    Mount {
        kind: c"proc",
        target: "/proc",
        need: Need::Must,
    },
    Mount {
        kind: c"sysfs",
        target: "/sys",
        need: Need::Must,
    },
    Mount {
        kind: c"devtmpfs",
        target: "/dev",
        need: Need::Must,
    },
    Mount {
        kind: c"bpf",
        target: "/sys/fs/bpf",
        need: Need::May,
    },
    Mount {
        kind: c"tracefs",
        target: "/sys/kernel/tracing",
        need: Need::May,
    },
];

/// Whether this process is a guest's init.
#[must_use]
pub fn is_guest() -> bool {
    std::process::id() == 1
        && std::env::args_os()
            .nth(1)
            .is_some_and(|arg| arg == ARGUMENT)
}

/// Does jobs until there are no more, and switches the machine off.
pub fn run() -> ! {
    if let Err(error) = work() {
        eprintln!("{ARGUMENT}: {error}");
    }
    switch_off()
}

fn work() -> io::Result<()> {
    for mount in &MOUNTS {
        match mount.mount() {
            Err(error) if mount.need == Need::Must => return Err(error),
            Err(error) => eprintln!("{ARGUMENT}: {error}"),
            Ok(()) => {}
        }
    }
    // A kernel without that setting lets everybody.
    if let Err(error) = permit_everybody() {
        eprintln!("{ARGUMENT}: {error}");
    }
    let mut port = open_port()?;
    let mut host = match Host::open() {
        Ok(host) => host,
        Err(error) => return fail(&mut port, &error.to_string()),
    };
    match postcard::to_stdvec(host.info()) {
        Ok(info) => frame::write(&mut port, Kind::Hello, &info)?,
        Err(error) => return fail(&mut port, &error.to_string()),
    }
    serve(&mut port, &mut host)
}

/// Does jobs until there are no more.
fn serve(port: &mut (impl io::Read + io::Write), kernel: &mut impl Kernel) -> io::Result<()> {
    while let Some((kind, bytes)) = frame::read(port)? {
        let result = match kind {
            Kind::Job => execute(kernel, &bytes).map_err(|error| error.to_string()),
            Kind::Btf => {
                std::fs::read(KERNEL_BTF).map_err(|error| named(KERNEL_BTF, &error).to_string())
            }
            Kind::Hello | Kind::Result | Kind::Failure => Err(format!("{kind:?} is no job")),
        };
        match result {
            Ok(bytes) => frame::write(port, Kind::Result, &bytes)?,
            Err(reason) => fail(port, &reason)?,
        }
    }
    Ok(())
}

fn execute(kernel: &mut impl Kernel, bytes: &[u8]) -> Result<Vec<u8>, KernelError> {
    kernel.execute(&Job::from_bytes(bytes)?)?.to_bytes()
}

fn fail(port: &mut impl io::Write, reason: &str) -> io::Result<()> {
    frame::write(port, Kind::Failure, reason.as_bytes())
}

impl Mount {
    fn mount(&self) -> io::Result<()> {
        let target = CString::new(self.target)?;
        // SAFETY: the strings end with a zero byte and live through the call; there is no data.
        let done = unsafe {
            libc::mount(
                self.kind.as_ptr(),
                target.as_ptr(),
                self.kind.as_ptr(),
                0,
                std::ptr::null(),
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(named(self.target, &io::Error::last_os_error())),
        }
    }
}

/// Opens the port once the kernel has found it.
fn open_port() -> io::Result<File> {
    let deadline = Instant::now() + PORT_LIMIT;
    loop {
        match OpenOptions::new().read(true).write(true).open(PORT) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened.map_err(|error| named(PORT, &error)),
        }
    }
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn switch_off() -> ! {
    // SAFETY: it takes a number; nothing of this process is needed any more.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    // A kernel that cannot switch off panics when its init ends, and that ends the machine too.
    std::process::exit(0)
}
