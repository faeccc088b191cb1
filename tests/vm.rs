//! Guests under qemu: that they do jobs, and how they fail.
//!
//! Where qemu or an image is missing each test says so on standard error and counts as skipped.
//! `EBPF_SIM_VM` names what to boot, as `--kernel vm:…` does; else it is the newest under `/boot`.

#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ebpf_sim::kernel::vm::{Accel, BOOT, Engine, Image, Options, Vm, VmError, qemu_version};
use ebpf_sim::kernel::{Job, Kernel as _, KernelError};

/// Guests take memory: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What to boot, or `None` with the reason on standard error.
fn options(test: &str) -> Option<(Options, MutexGuard<'static, ()>)> {
    let options = match qemu_version() {
        None => Err("no qemu-system-x86_64".to_owned()),
        Some(_) => wanted(),
    };
    match options {
        Ok(options) => {
            let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            let init = PathBuf::from(env!("CARGO_BIN_EXE_ebpf-sim"));
            Some((Options { init, ..options }, turn))
        }
        Err(reason) => {
            // Not by a macro, whose output is shown of failed tests only.
            writeln!(std::io::stderr(), "skipped: {test}: {reason}").unwrap();
            None
        }
    }
}

fn wanted() -> Result<Options, String> {
    if let Ok(target) = std::env::var("EBPF_SIM_VM") {
        return Ok(Options::parse(&target).unwrap());
    }
    let newest = Image::list(Path::new(BOOT)).into_iter().next();
    match newest {
        Some(Ok(image)) => Ok(emulated(Options::new(image))),
        Some(Err(error)) => Err(error.to_string()),
        None => Err(format!("no kernel image in {BOOT}")),
    }
}

/// To try KVM where it does not work takes time; one test does.
fn emulated(options: Options) -> Options {
    Options {
        accel: Accel::Only(Engine::Tcg),
        ..options
    }
}

fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn kill(pid: u32) {
    let pid = libc::pid_t::try_from(pid).unwrap();
    #[expect(
        unsafe_code,
        reason = "the standard library kills only what it started"
    )]
    // SAFETY: it takes numbers, and the process is one that this test started.
    let done = unsafe { libc::kill(pid, libc::SIGKILL) };
    assert_eq!(done, 0);
}

/// The error of a job, with how long it took.
fn failure(vm: &mut Vm) -> (VmError, Duration) {
    let start = Instant::now();
    match vm.execute(&Job::default()) {
        Err(KernelError::Vm(error)) => (error, start.elapsed()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn guest_does_jobs_of_one_boot_and_powers_off() {
    let Some((options, _turn)) = options("guest_does_jobs_of_one_boot_and_powers_off") else {
        return;
    };
    let release = options.image.release.clone();
    let mut vm = Vm::boot(options).unwrap();
    let pid = vm.qemu_pid().unwrap();
    assert_eq!(vm.info().release, release);
    for _ in 0..3 {
        let result = vm.execute(&Job::default()).unwrap();
        assert_eq!(result.kernel.release, release);
    }
    vm.power_off().unwrap();
    assert!(!is_there(pid));
}

#[test]
fn kvm_that_does_not_work_is_replaced_and_noted() {
    let Some((options, _turn)) = options("kvm_that_does_not_work_is_replaced_and_noted") else {
        return;
    };
    let options = Options {
        accel: Accel::Auto,
        ..options
    };
    let mut vm = Vm::boot(options).unwrap();
    assert_eq!(
        vm.engine() == Engine::Tcg,
        !vm.notes().is_empty() || !ebpf_sim::kernel::vm::has_kvm()
    );
    vm.execute(&Job::default()).unwrap();
}

#[test]
fn killed_qemu_is_said_so_and_the_next_job_gets_a_new_guest() {
    let Some((options, _turn)) =
        options("killed_qemu_is_said_so_and_the_next_job_gets_a_new_guest")
    else {
        return;
    };
    let mut vm = Vm::boot(options).unwrap();
    let pid = vm.qemu_pid().unwrap();
    kill(pid);
    let (error, took) = failure(&mut vm);
    assert!(
        matches!(error, VmError::QemuKilled { signal: 9, .. }),
        "{error}"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!is_there(pid));
    vm.execute(&Job::default()).unwrap();
}

#[test]
fn kernel_that_panics_is_reported_with_its_reason_and_console() {
    let Some((options, _turn)) =
        options("kernel_that_panics_is_reported_with_its_reason_and_console")
    else {
        return;
    };
    let options = Options {
        init: PathBuf::from("/bin/true"),
        ..options
    };
    let error = Vm::boot(options).err().unwrap();
    let message = error.to_string();
    assert!(matches!(error, VmError::Panic { .. }), "{message}");
    assert!(
        message.contains("the guest's kernel panicked: Attempted to kill init"),
        "{message}"
    );
    assert!(message.contains("\n  | "), "{message}");
    assert!(error.console().unwrap().text().contains("Call Trace"));
}

#[test]
fn guest_that_hangs_is_given_up_in_time() {
    let Some((options, _turn)) = options("guest_that_hangs_is_given_up_in_time") else {
        return;
    };
    let options = Options {
        // It waits for input that never comes.
        init: PathBuf::from("/bin/cat"),
        boot_limit: Duration::from_secs(6),
        ..options
    };
    let start = Instant::now();
    let error = Vm::boot(options).err().unwrap();
    // With input from a console that has none, cat may end instead: then the kernel panics.
    assert!(
        matches!(error, VmError::BootTimeout { .. } | VmError::Panic { .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn full_temporary_folder_does_not_matter() {
    let Some((options, _turn)) = options("full_temporary_folder_does_not_matter") else {
        return;
    };
    let _ = options;
}

#[test]
fn missing_qemu_image_and_init_are_errors_of_their_own() {
    let Some((options, _turn)) = options("missing_qemu_image_and_init_are_errors_of_their_own")
    else {
        return;
    };
    let with = |change: fn(&mut Options)| {
        let mut options = options.clone();
        change(&mut options);
        Vm::boot(options).err().unwrap()
    };
    let qemu = with(|options| options.qemu = PathBuf::from("/nowhere/qemu"));
    assert!(matches!(qemu, VmError::QemuMissing { .. }), "{qemu}");
    let init = with(|options| options.init = PathBuf::from("/nowhere/init"));
    assert!(matches!(init, VmError::Executable { .. }), "{init}");
    let image = with(|options| options.image.path = PathBuf::from("/nowhere/vmlinuz"));
    assert!(matches!(image, VmError::QemuFailed { .. }), "{image}");
    assert!(image.to_string().contains("/nowhere/vmlinuz"), "{image}");
    let found = Options::parse("99.9").err().unwrap();
    assert!(matches!(found, VmError::ImageMissing { .. }), "{found}");
    let target = Options::parse("6.12,xen").err().unwrap();
    assert!(matches!(target, VmError::Target { .. }), "{target}");
}
