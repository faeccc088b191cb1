//! Guests under qemu: that they do jobs, and how they fail.
//!
//! Where qemu or an image is missing each test says so on standard error and counts as skipped.
//! `EBPF_SIM_VM` names what to boot, as `--kernel vm:…` does; else it is the newest under `/boot`.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ebpf_sim::kernel::job::{ProgramJob, RunJob, Verdict};
use ebpf_sim::kernel::vm::{Accel, BOOT, Engine, Image, Options, Vm, VmError, qemu_version};
use ebpf_sim::kernel::{Job, Kernel as _, KernelError};

/// Guests take memory: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// Set for the process that a test starts in order to kill it.
const HELPER: &str = "EBPF_SIM_VM_HELPER";

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
            let mut stderr = std::io::stderr();
            writeln!(stderr, "skipped: {test}: {reason}").unwrap();
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

/// Whether a process is more than an entry that nobody has reaped.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| !state.trim().starts_with(['Z', 'X']))
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
    assert!(vm.btf().is_some());
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
fn guest_that_hangs_and_floods_its_console_is_given_up_in_time() {
    let name = "guest_that_hangs_and_floods_its_console_is_given_up_in_time";
    let Some((options, _turn)) = options(name) else {
        return;
    };
    let options = Options {
        // It says its argument for ever.
        init: PathBuf::from("/usr/bin/yes"),
        boot_limit: Duration::from_secs(8),
        ..options
    };
    let start = Instant::now();
    let error = Vm::boot(options).err().unwrap();
    assert!(matches!(error, VmError::BootTimeout { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
    let console = error.console().unwrap().text();
    assert!(console.len() <= 64 << 10);
    assert!(
        console.ends_with("ebpf-sim-guest\n")
            || console.contains("ebpf-sim-guest\nebpf-sim-guest\n")
    );
}

#[test]
fn guest_has_no_file_with_a_name_besides_its_image() {
    let Some((options, _turn)) = options("guest_has_no_file_with_a_name_besides_its_image") else {
        return;
    };
    let vm = Vm::boot(options).unwrap();
    let folder = format!("/proc/{}/fd", vm.qemu_pid().unwrap());
    let named: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap())
        .filter(|target| target.is_absolute())
        .filter(|target| {
            !["/dev", "/usr/share"]
                .iter()
                .any(|folder| target.starts_with(folder))
        })
        .collect();
    let memory = Path::new("/memfd:initramfs (deleted)");
    assert!(named.iter().all(|target| target == memory), "{named:?}");
}

#[test]
fn process_that_is_killed_takes_its_guest_along() {
    let name = "process_that_is_killed_takes_its_guest_along";
    let is_helper = std::env::var_os(HELPER).is_some();
    let Some((options, _turn)) = options(name) else {
        return;
    };
    if is_helper {
        let vm = Vm::boot(options).unwrap();
        println!("{HELPER}={}", vm.qemu_pid().unwrap());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HELPER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    let prefix = format!("{HELPER}=");
    let pid = lines.map_while(Result::ok).find_map(|line| {
        let (_, pid) = line.split_once(&prefix)?;
        pid.parse().ok()
    });
    let pid: u32 = pid.unwrap();
    assert!(is_there(pid));
    helper.kill().unwrap();
    helper.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while runs(pid) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!runs(pid));
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

#[test]
fn programs_of_several_jobs_are_judged_and_run_by_the_guest() {
    let name = "programs_of_several_jobs_are_judged_and_run_by_the_guest";
    let Some((options, _turn)) = options(name) else {
        return;
    };
    let mut vm = Vm::boot(options).unwrap();
    // `r0 = 2; exit`, and `exit` without a value in r0.
    let exit = [0x95, 0, 0, 0, 0, 0, 0, 0];
    let good = [&[0xb7, 0, 0, 0, 2, 0, 0, 0], exit.as_slice()].concat();
    for (insns, accepted) in [(good, true), (exit.to_vec(), false)] {
        let result = vm.execute(&xdp(insns)).unwrap();
        let verdict = &result.programs[0].verdict;
        assert_eq!(*verdict == Verdict::Accepted, accepted, "{result:?}");
        let returned = result.runs[0].as_ref().ok().map(|run| run.retval);
        assert_eq!(returned, accepted.then_some(2), "{result:?}");
    }
}

/// A job that loads an XDP program and runs it on a packet.
fn xdp(insns: Vec<u8>) -> Job {
    let program = ProgramJob {
        name: "xdp".to_owned(),
        prog_type: 6,
        licence: "GPL".to_owned(),
        insns,
        log_level: 1,
        ..ProgramJob::default()
    };
    let run = RunJob {
        data: Some(vec![0; 64]),
        ..RunJob::default()
    };
    Job {
        programs: vec![program],
        runs: vec![run],
        ..Job::default()
    }
}
