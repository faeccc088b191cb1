//! A throwaway virtual machine that boots a given kernel image and does jobs with it.
//!
//! It needs qemu and an image, but no root, no disk image and no network; how to get an image is
//! told in `docs/kernel-images.md`. It judges nothing: inside, [`Host`](super::host::Host) does
//! the jobs.
//!
//! ```no_run
//! use ebpf_sim::kernel::{Job, Kernel, vm::{Options, Vm}};
//!
//! let mut vm = Vm::boot(Options::parse("6.12")?)?;
//! let result = vm.execute(&Job::default())?;
//! println!("{}", result.kernel.release);
//! vm.power_off()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Rules:
//! - The guest's init is this very executable, which enters [`agent::run`] when
//!   [`agent::is_guest`]. A program that uses this library has to do so too, or to name one that
//!   does in [`Options::init`].
//! - KVM is tried where it is, and emulation takes over where KVM turns out not to work; a
//!   [note](Vm::notes) says so.
//! - A guest that fails is an error with the end of its console, once. The next job gets a new
//!   guest.
//! - Nothing is left behind: no process, and no file because there are none.

pub mod agent;
mod console;
mod cpio;
mod error;
mod frame;
mod guest;
mod image;
mod initramfs;
mod libraries;
mod qemu;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

pub use console::Console;
pub use error::VmError;
pub use image::{BOOT, Image};
pub use qemu::Engine;

use self::frame::Kind;
use self::guest::Guest;
use self::qemu::Machine;
use super::{Job, JobResult, Kernel, KernelError, KernelInfo};
use crate::btf::Btf;

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";
/// By how much emulation gets more time.
const TCG_FACTOR: u32 = 2;
/// How long KVM may take to boot before emulation is tried.
const KVM_LIMIT: Duration = Duration::from_secs(15);
/// Oopses and panics end the machine; the console is told errors only, which is quicker.
const COMMAND_LINE: &str = "console=ttyS0 earlyprintk=serial,ttyS0,115200 quiet \
    panic=-1 oops=panic lsm=capability,bpf rdinit=/init --";

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// KVM, and emulation where that does not work.
    #[default]
    Auto,
    /// This one only.
    Only(Engine),
}

/// Which machine to boot, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kernel.
    pub image: Image,
    /// What executes it.
    pub accel: Accel,
    /// The guest's memory in MiB.
    pub memory_mib: u32,
    /// How long it may take to come up with KVM; with emulation twice that.
    pub boot_limit: Duration,
    /// How long a job may take with KVM; with emulation twice that.
    pub job_limit: Duration,
    /// The executable that is the guest's init.
    pub init: PathBuf,
    /// The emulator.
    pub qemu: PathBuf,
}

impl Options {
    /// For an image, with a minute for the boot and for each job.
    #[must_use]
    pub fn new(image: Image) -> Options {
        Options {
            image,
            accel: Accel::Auto,
            memory_mib: 512,
            boot_limit: Duration::from_secs(60),
            job_limit: Duration::from_secs(60),
            init: PathBuf::from("/proc/self/exe"),
            qemu: PathBuf::from(QEMU),
        }
    }

    /// From what follows `vm:` in `--kernel`: the path of an image or a version found under
    /// [`BOOT`], then `,kvm` or `,tcg` where only that is to be tried.
    ///
    /// # Errors
    /// It is not understood, or there is no such image.
    pub fn parse(target: &str) -> Result<Options, VmError> {
        let (image, accel) = match target.rsplit_once(',') {
            None => (target, Accel::Auto),
            Some((image, "kvm")) => (image, Accel::Only(Engine::Kvm)),
            Some((image, "tcg")) => (image, Accel::Only(Engine::Tcg)),
            Some(_) => return Err(not_understood(target, "only `,kvm` or `,tcg` may follow")),
        };
        if image.is_empty() {
            return Err(not_understood(target, "a path or a version is missing"));
        }
        Ok(Options {
            accel,
            ..Options::new(Image::find(image, Path::new(BOOT))?)
        })
    }
}

fn not_understood(got: &str, reason: &'static str) -> VmError {
    VmError::Target {
        got: got.to_owned(),
        reason,
    }
}

/// The first line that the emulator says of its version, or `None` where it is not installed.
#[must_use]
pub fn qemu_version() -> Option<String> {
    let output = Command::new(QEMU).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().map(str::to_owned)
}

/// Whether KVM may be used by this user. That it works shows only when it is used.
#[must_use]
pub fn has_kvm() -> bool {
    let mut options = File::options();
    options.read(true).write(true).open("/dev/kvm").is_ok()
}

/// A virtual machine that does jobs.
pub struct Vm {
    options: Options,
    engine: Engine,
    initramfs: File,
    guest: Option<Guest>,
    info: KernelInfo,
    btf: Option<Arc<Btf>>,
    notes: Vec<String>,
}

impl Vm {
    /// Boots a guest.
    ///
    /// # Errors
    /// Something is missing, or the guest does not come up.
    pub fn boot(options: Options) -> Result<Vm, VmError> {
        let engine = match options.accel {
            Accel::Only(engine) => engine,
            Accel::Auto if has_kvm() => Engine::Kvm,
            Accel::Auto => Engine::Tcg,
        };
        let mut vm = Vm {
            engine,
            initramfs: initramfs::make(&options.init)?,
            guest: None,
            info: KernelInfo::default(),
            btf: None,
            notes: Vec::new(),
            options,
        };
        vm.guest = Some(vm.start()?);
        Ok(vm)
    }

    /// What is worth telling the user, such as that KVM does not work.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What executes the guest's instructions.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The process id of qemu, while a guest runs.
    #[must_use]
    pub fn qemu_pid(&self) -> Option<u32> {
        self.guest.as_ref().map(Guest::pid)
    }

    /// The end of what the running guest said on its console.
    #[must_use]
    pub fn console(&self) -> Console {
        let console = self.guest.as_ref().map(Guest::console);
        console.unwrap_or_default()
    }

    /// Lets the guest switch itself off. Merely to drop a machine is safe as well, and kills it.
    ///
    /// # Errors
    /// It does not end by itself, or not well.
    pub fn power_off(mut self) -> Result<(), VmError> {
        self.guest.take().map_or(Ok(()), Guest::power_off)
    }

    /// Starts a guest, with emulation where KVM was only tried and does not work.
    fn start(&mut self) -> Result<Guest, VmError> {
        let guest = match (self.engine, self.options.accel) {
            (Engine::Kvm, Accel::Auto) => {
                match self.start_with(self.options.boot_limit.min(KVM_LIMIT)) {
                    Err(VmError::Kvm { reason }) => self.start_emulated(&reason),
                    Err(VmError::BootTimeout { limit, .. }) => {
                        self.start_emulated(&format!("no guest within {} s", limit.as_secs()))
                    }
                    other => other,
                }
            }
            (Engine::Kvm, Accel::Only(_)) => self.start_with(self.options.boot_limit),
            (Engine::Tcg, Accel::Auto | Accel::Only(_)) => {
                self.start_with(self.scaled(self.options.boot_limit))
            }
        }?;
        self.info = guest.info().clone();
        Ok(guest)
    }

    fn start_emulated(&mut self, reason: &str) -> Result<Guest, VmError> {
        self.notes.push(format!(
            "KVM does not work here ({reason}): the guest is emulated, which is slower"
        ));
        self.engine = Engine::Tcg;
        self.start_with(self.scaled(self.options.boot_limit))
    }

    fn start_with(&self, limit: Duration) -> Result<Guest, VmError> {
        let machine = Machine {
            program: &self.options.qemu,
            engine: self.engine,
            memory_mib: self.options.memory_mib,
            image: &self.options.image.path,
            initramfs: &self.initramfs,
            command_line: &format!("{COMMAND_LINE} {}", agent::ARGUMENT),
        };
        Guest::boot(&machine, limit)
    }

    fn scaled(&self, limit: Duration) -> Duration {
        match self.engine {
            Engine::Kvm => limit,
            Engine::Tcg => limit.saturating_mul(TCG_FACTOR),
        }
    }

    /// Asks the guest for something, or a new one where that is gone.
    fn ask(&mut self, kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, VmError> {
        let mut guest = match self.guest.take() {
            Some(guest) => guest,
            None => self.start()?,
        };
        let answer = guest.ask(kind, bytes, self.scaled(self.options.job_limit));
        // A guest that says that it cannot do a job is well; any other failure was its end.
        if matches!(answer, Ok(_) | Err(VmError::Guest { .. })) {
            self.guest = Some(guest);
        }
        answer
    }
}

impl Kernel for Vm {
    fn info(&self) -> &KernelInfo {
        &self.info
    }

    fn btf(&mut self) -> Option<Arc<Btf>> {
        if self.btf.is_none() {
            let bytes = self.ask(Kind::Btf, &[]).ok()?;
            self.btf = Btf::parse(bytes).ok().map(Arc::new);
        }
        self.btf.clone()
    }

    /// The configuration that distributions install beside the image.
    fn config(&mut self) -> Option<Vec<u8>> {
        let image = &self.options.image;
        let name = format!("config-{}", image.release);
        std::fs::read(image.path.with_file_name(name)).ok()
    }

    fn execute(&mut self, job: &Job) -> Result<JobResult, KernelError> {
        JobResult::from_bytes(&self.ask(Kind::Job, &job.to_bytes()?)?)
    }
}
