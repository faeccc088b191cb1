//! Doing something without some capabilities.
//!
//! Linux keeps capabilities for each thread: what this one gives up for a while, others keep. Only
//! the effective set changes, so that they can be taken back.
//!
//! Kernel: capget(2), capset(2), capabilities(7).

#![expect(unsafe_code, reason = "capget and capset are system calls")]

use std::io;

/// `CAP_BPF`.
const BPF: u32 = 39;
/// Who may use bpf(2) without it: 0 for everybody.
const SYSCTL: &str = "/proc/sys/kernel/unprivileged_bpf_disabled";
/// `_LINUX_CAPABILITY_VERSION_3`, of two words a set.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    /// The thread, 0 for this one.
    pid: i32,
}

#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Does `work` without the capabilities of these bits.
///
/// # Errors
/// Why it cannot be done that way.
pub(super) fn without<T>(capabilities: u64, work: impl FnOnce() -> T) -> Result<T, String> {
    if capabilities == 0 {
        return Ok(work());
    }
    let sysctl = std::fs::read_to_string(SYSCTL).unwrap_or_default();
    let sysctl = sysctl.trim();
    if capabilities >> BPF & 1 == 1 && !matches!(sysctl, "" | "0") {
        return Err(format!(
            "the kernel takes programs with CAP_BPF only: kernel.unprivileged_bpf_disabled is {sysctl}"
        ));
    }
    let named = |error: io::Error| format!("cannot give up and take back capabilities: {error}");
    let before = get().map_err(named)?;
    let mut after = before;
    for (sets, half) in after.iter_mut().zip([0, 32]) {
        sets.effective &= !((capabilities >> half) as u32);
    }
    set(&after).map_err(named)?;
    let done = work();
    set(&before).map_err(named)?;
    Ok(done)
}

/// Lets everybody use bpf(2): for a guest, which nobody else uses.
pub(in crate::kernel) fn permit_everybody() -> io::Result<()> {
    std::fs::write(SYSCTL, "0")
}

fn get() -> io::Result<[Sets; 2]> {
    let mut header = Header {
        version: VERSION,
        pid: 0,
    };
    let mut sets = [Sets::default(); 2];
    // SAFETY: both are as the kernel's structures and live through the call.
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    match done {
        0 => Ok(sets),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set(sets: &[Sets; 2]) -> io::Result<()> {
    let mut header = Header {
        version: VERSION,
        pid: 0,
    };
    // SAFETY: both are as the kernel's structures and live through the call.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_that_is_given_up_comes_back() {
        const NET_ADMIN: u64 = 1 << 12;
        let effective = || get().map(|sets| sets[0].effective).ok();
        let before = effective();
        let during = without(NET_ADMIN, effective).expect("giving up is always allowed");
        assert_eq!(during.map(|bits| u64::from(bits) & NET_ADMIN), Some(0));
        assert_eq!(effective(), before);
    }
}
