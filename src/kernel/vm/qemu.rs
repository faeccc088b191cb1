//! The qemu process: how it is started, and that it does not outlive us.
//!
//! What is said over the channel is not known here.
//!
//! Rules:
//! - No file is made, not even a temporary one: the initramfs is memory that qemu inherits, the
//!   channel a pair of sockets, the console a pipe. So there is nothing to leave behind, whatever
//!   ends this process, and nothing that a full disk could break.
//! - qemu dies with the value that owns it, and with this process even if that is killed.
//! - It is in a process group of its own, so that Ctrl-C reaches this process first and alone.

#![expect(
    unsafe_code,
    reason = "what a child does between fork and exec is not in the standard library"
)]

use std::fs::File;
use std::io;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::console::{Console, Ring};

/// How guest instructions are executed, once that is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// By the processor.
    Kvm,
    /// By qemu's emulation.
    Tcg,
}

impl Engine {
    /// As qemu calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Engine::Kvm => "kvm",
            Engine::Tcg => "tcg",
        }
    }
}

/// What qemu is started with.
pub(super) struct Machine<'a> {
    pub(super) program: &'a Path,
    pub(super) engine: Engine,
    pub(super) memory_mib: u32,
    pub(super) image: &'a Path,
    pub(super) initramfs: &'a File,
    pub(super) command_line: &'a str,
}

/// A running qemu.
pub(super) struct Qemu {
    child: Child,
    console: Arc<Ring>,
    stderr: Arc<Ring>,
    readers: Vec<JoinHandle<()>>,
    /// Dropped once the process is reaped.
    running: Option<Sender<()>>,
}

impl Qemu {
    /// Starts qemu, and gives our end of the channel.
    pub(super) fn start(machine: &Machine<'_>) -> io::Result<(Qemu, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let inherited = vec![
            OwnedFd::from(machine.initramfs.try_clone()?),
            OwnedFd::from(theirs),
        ];
        let mut command = command(machine, &inherited);
        tie(&mut command, inherited);
        Ok((Qemu::spawn(command)?, ours))
    }

    /// Starts the process and the threads that read what it says.
    fn spawn(mut command: Command) -> io::Result<Qemu> {
        let (console, stderr) = (Arc::<Ring>::default(), Arc::<Ring>::default());
        let (sender, receiver) = mpsc::sync_channel(1);
        let ring = Arc::clone(&console);
        let (running, reaped) = mpsc::channel::<()>();
        // The parent-death signal comes when the thread ends that started the child: this one has
        // to live until the child is reaped. qemu closes its console some time before it ends.
        let reader = thread("vm-console", move || {
            let spawned = command.spawn();
            // Our copies of the child's descriptors go, or its end would not be noticed.
            drop(command);
            let mut spawned = spawned;
            let stdout = spawned.as_mut().ok().and_then(|child| child.stdout.take());
            let is_wanted = sender.send(spawned).is_ok();
            if let Some(stdout) = stdout.filter(|_| is_wanted) {
                ring.drain(stdout);
                // Nothing is ever sent; it ends with the sender.
                let _ = reaped.recv();
            }
        })?;
        let child = receiver.recv().map_err(io::Error::other)??;
        let mut qemu = Qemu {
            child,
            console,
            stderr,
            readers: vec![reader],
            running: Some(running),
        };
        if let Some(stream) = qemu.child.stderr.take() {
            let ring = Arc::clone(&qemu.stderr);
            let reader = thread("vm-stderr", move || ring.drain(stream))?;
            qemu.readers.push(reader);
        }
        Ok(qemu)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the guest said by now.
    pub(super) fn console(&self) -> Console {
        self.console.console()
    }

    /// What qemu itself said by now.
    pub(super) fn stderr(&self) -> Console {
        self.stderr.console()
    }

    /// How it ended, if it does so in time; then also all it said is there.
    pub(super) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.join();
                    return Some(status);
                }
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Waits for the readers, whose streams ended with the process.
    fn join(&mut self) {
        self.running = None;
        for reader in self.readers.drain(..) {
            // A reader that panicked has read what it could.
            let _ = reader.join();
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join();
    }
}

/// An initramfs in memory that has no name in any file system.
pub(super) fn memory_file(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: the name is a string that ends with a zero byte and lives for ever.
    let fd = unsafe { libc::memfd_create(c"initramfs".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nobody else has it.
    let mut file = unsafe { File::from_raw_fd(fd) };
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The command line. What it names by number is inherited: the initramfs, then the channel.
fn command(machine: &Machine<'_>, inherited: &[OwnedFd]) -> Command {
    let mut numbers = inherited.iter().map(|fd| fd.as_raw_fd());
    let initramfs = numbers.next().unwrap_or_default();
    let channel = numbers.next().unwrap_or_default();
    let mut command = Command::new(machine.program);
    command
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none", "-cpu", "max", "-smp", "1"])
        .args(["-accel", machine.engine.name()])
        .args(["-m", &machine.memory_mib.to_string()])
        .arg("-kernel")
        .arg(machine.image)
        .args(["-initrd", &format!("/proc/self/fd/{initramfs}")])
        .args(["-append", machine.command_line])
        .args(["-chardev", "stdio,id=console,signal=off"])
        .args(["-serial", "chardev:console"])
        .args(["-chardev", &format!("socket,id=jobs,fd={channel}")])
        .args(["-device", "virtio-serial-pci"])
        .args(["-device", "virtserialport,chardev=jobs"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Makes the child keep the descriptors, and die when we do.
fn tie(command: &mut Command, inherited: Vec<OwnedFd>) {
    let parent = std::process::id();
    let prepare = move || {
        for fd in &inherited {
            keep_open(fd)?;
        }
        die_with(parent)
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made, and no memory is taken.
    unsafe { command.pre_exec(prepare) };
}

fn keep_open(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: F_SETFD takes a number and changes nothing but the descriptor's flags.
    let done = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a number.
    let done = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // It may have died before that was set.
    match std::os::unix::process::parent_id() == parent {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Qemu {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tie(&mut command, Vec::new());
        Qemu::spawn(command).expect("there is a shell")
    }

    #[test]
    fn process_is_killed_and_reaped_on_drop() {
        let process = shell("exec sleep 1000");
        let pid = process.pid();
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        drop(process);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn process_outlives_the_thread_that_started_it() {
        let starter = std::thread::spawn(|| shell("exec sleep 1000"));
        let mut process = starter.join().expect("it started");
        assert!(process.wait(Duration::from_millis(100)).is_none());
    }

    #[test]
    fn process_that_closes_its_console_before_it_ends_is_not_killed() {
        let mut process = shell("exec >&-; sleep 0.2; exit 3");
        let status = process.wait(Duration::from_secs(10)).expect("it ends");
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn all_that_was_said_is_there_once_it_ended() {
        let mut process = shell("echo out; echo err >&2; exit 3");
        let status = process.wait(Duration::from_secs(10)).expect("it ends");
        assert_eq!(status.code(), Some(3));
        assert_eq!(process.console().text(), "out\n");
        assert_eq!(process.stderr().text(), "err\n");
    }

    #[test]
    fn memory_file_is_read_from_its_start() {
        use std::io::Read as _;
        let mut file = memory_file(b"abc").expect("there is memory");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("it is readable");
        assert_eq!(text, "abc");
    }
}
