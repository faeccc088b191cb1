//! The tracing file system, where it is mounted, or in a mount that only this process sees.
//!
//! A detached mount has no place in the tree and ends with its descriptor.

#![expect(unsafe_code, reason = "system calls")]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::sys::{SysResult, last_error};

/// Where it usually is.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// `FSCONFIG_CMD_CREATE`.
const CREATE: libc::c_uint = 6;

/// The file system's root.
#[derive(Debug)]
pub(super) enum Tracefs {
    Mounted(&'static Path),
    Detached(OwnedFd),
}

impl Tracefs {
    /// Finds it, or mounts it out of sight.
    pub(super) fn open() -> SysResult<Tracefs> {
        let is_there = |place: &&&str| Path::new(place).join("events").is_dir();
        match PLACES.iter().find(is_there) {
            Some(place) => Ok(Tracefs::Mounted(Path::new(place))),
            None => mount().map(Tracefs::Detached),
        }
    }

    /// The path of a file in it, good as long as `self` lives.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        match self {
            Tracefs::Mounted(place) => place.join(file),
            Tracefs::Detached(root) => {
                let root = root.as_raw_fd();
                PathBuf::from(format!("/proc/self/fd/{root}/{file}"))
            }
        }
    }
}

fn mount() -> SysResult<OwnedFd> {
    const CLOEXEC: libc::c_uint = 1;
    let (name, none) = (c"tracefs", std::ptr::null::<libc::c_char>());
    // SAFETY: the name ends in a NUL.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), CLOEXEC) };
    let context = owned(context)?;
    let fd = context.as_raw_fd();
    // SAFETY: the command takes no key and no value.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, fd, CREATE, none, none, 0) };
    if made != 0 {
        return Err(last_error());
    }
    // SAFETY: the call takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, fd, CLOEXEC, 0) })
}

fn owned(fd: libc::c_long) -> SysResult<OwnedFd> {
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(last_error)?;
    // SAFETY: the kernel has just given this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
