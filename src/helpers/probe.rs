//! Reading and writing memory by address: the `bpf_probe_read` family and `bpf_copy_from_user`.
//!
//! A fault here is an error number, never a trap: that is what these helpers are for. Writing the
//! destination is the program's own access and may trap.
//!
//! Rules (as Linux 6.12 and 6.18 answer programs of `corpus/src/answers_memory.bpf.c`):
//! - A failed copy leaves the destination zero.
//! - The kernel's space refuses addresses that can be none of the kernel's with `ERANGE`; everything else is `EFAULT`.
//! - Strings are cut to fit and terminated; their length counts the zero.
//! - Size 0 gives 0, but for an address that can be none of the space that is asked.

use super::{Call, Entry, Reply};
use crate::machine::{Addr, Errno, Fault, FaultReason};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(4, "bpf_probe_read", probe_read),
    Entry::new(36, "bpf_probe_write_user", probe_write_user),
    Entry::new(45, "bpf_probe_read_str", probe_read_str),
    Entry::new(112, "bpf_probe_read_user", probe_read_user),
    Entry::new(113, "bpf_probe_read_kernel", probe_read_kernel),
    Entry::new(114, "bpf_probe_read_user_str", probe_read_user_str),
    Entry::new(115, "bpf_probe_read_kernel_str", probe_read_kernel_str),
    Entry::new(148, "bpf_copy_from_user", copy_from_user),
    Entry::new(191, "bpf_copy_from_user_task", copy_from_user_task),
];

/// End of the user addresses of a 64-bit process with 4 levels of page tables.
const TASK_SIZE: u64 = 0x7fff_ffff_f000;
/// Where the kernel's addresses begin; those between are of nobody.
const KERNEL_START: u64 = 0xffff_8000_0000_0000;
/// The page of the kernel's half that is user space's (`vsyscall`).
const VSYSCALL: std::ops::Range<u64> = 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_1000;

/// Fills a buffer from an address, or says which error that is.
type Copy = fn(&Call<'_>, Addr, &mut [u8]) -> Result<(), Errno>;

/// Reads a string of at most so many bytes with its zero, or says which error that is.
type CopyStr = fn(&Call<'_>, Addr, u32) -> Result<Vec<u8>, Errno>;

fn probe_read(call: &mut Call<'_>) -> Reply {
    copy(call, from_either)
}

fn probe_read_user(call: &mut Call<'_>) -> Reply {
    copy(call, from_user)
}

fn probe_read_kernel(call: &mut Call<'_>) -> Reply {
    copy(call, from_kernel)
}

fn probe_read_str(call: &mut Call<'_>) -> Reply {
    copy_str(call, str_from_either)
}

fn probe_read_user_str(call: &mut Call<'_>) -> Reply {
    copy_str(call, str_from_user)
}

fn probe_read_kernel_str(call: &mut Call<'_>) -> Reply {
    copy_str(call, str_from_kernel)
}

/// `long bpf_copy_from_user(void *dst, u32 size, const void *user_ptr)`
fn copy_from_user(call: &mut Call<'_>) -> Reply {
    match call.args[1] as u32 {
        0 => Ok(0),
        _ => copy(call, from_user),
    }
}

/// `long bpf_copy_from_user_task(void *dst, u32 size, const void *user_ptr, struct task_struct *tsk, u64 flags)`
fn copy_from_user_task(call: &mut Call<'_>) -> Reply {
    match call.args {
        [_, _, _, _, 0] => copy_from_user(call),
        _ => Ok(Errno::EINVAL.as_return()),
    }
}

/// `long bpf_probe_write_user(void *dst, const void *src, u32 len)`
fn probe_write_user(call: &mut Call<'_>) -> Reply {
    let [dst, src, len, ..] = call.args;
    let bytes = call.memory().read_vec(Addr(src), len as u32)?;
    let written = call.memory().copy_to_user(Addr(dst), &bytes);
    Ok(written.map_or(Errno::EFAULT.as_return(), |()| 0))
}

/// `long bpf_probe_read…(void *dst, u32 size, const void *unsafe_ptr)`
fn copy(call: &mut Call<'_>, read: Copy) -> Reply {
    let [dst, size, from, ..] = call.args;
    let mut small = [0; 256];
    let mut large = Vec::new();
    let size = size as u32 as usize;
    call.check_room(dst, size)?;
    let buf = match small.get_mut(..size) {
        Some(buf) => buf,
        None => {
            large.resize(size, 0);
            &mut large
        }
    };
    let result = read(call, Addr(from), buf);
    if result.is_err() {
        buf.fill(0);
    }
    call.memory().write(Addr(dst), buf)?;
    Ok(result.map_or_else(Errno::as_return, |()| 0))
}

/// `long bpf_probe_read…_str(void *dst, u32 size, const void *unsafe_ptr)`
fn copy_str(call: &mut Call<'_>, read: CopyStr) -> Reply {
    let [dst, size, from, ..] = call.args;
    let size = size as u32;
    if size == 0 {
        return Ok(0);
    }
    call.check_room(dst, size as usize)?;
    match read(call, Addr(from), size) {
        Ok(mut text) => {
            text.push(0);
            call.memory().write(Addr(dst), &text)?;
            Ok(text.len() as u64)
        }
        Err(errno) => {
            call.memory().write(Addr(dst), &vec![0; size as usize])?;
            Ok(errno.as_return())
        }
    }
}

pub(super) fn from_user(call: &Call<'_>, from: Addr, buf: &mut [u8]) -> Result<(), Errno> {
    match call.memory().copy_from_user(from, buf) {
        Ok(()) => Ok(()),
        Err(fault) if buf.is_empty() && can_be_users(&fault) => Ok(()),
        Err(_) => Err(Errno::EFAULT),
    }
}

pub(super) fn from_kernel(call: &Call<'_>, from: Addr, buf: &mut [u8]) -> Result<(), Errno> {
    match call.memory().probe_read(from, buf).map_err(kernel_error) {
        Err(Errno::EFAULT) if buf.is_empty() => Ok(()),
        read => read,
    }
}

pub(super) fn from_either(call: &Call<'_>, from: Addr, buf: &mut [u8]) -> Result<(), Errno> {
    from_user(call, from, buf)
        .or_else(|_| from_kernel(call, from, buf))
        .map_err(|errno| of_either(errno, from))
}

pub(super) fn str_from_user(call: &Call<'_>, from: Addr, max: u32) -> Result<Vec<u8>, Errno> {
    call.memory()
        .copy_user_str(from, max)
        .map_err(|_| Errno::EFAULT)
}

pub(super) fn str_from_kernel(call: &Call<'_>, from: Addr, max: u32) -> Result<Vec<u8>, Errno> {
    call.memory()
        .probe_read_str(from, max)
        .map_err(kernel_error)
}

pub(super) fn str_from_either(call: &Call<'_>, from: Addr, max: u32) -> Result<Vec<u8>, Errno> {
    str_from_user(call, from, max)
        .or_else(|_| str_from_kernel(call, from, max))
        .map_err(|errno| of_either(errno, from))
}

/// What is said of an address that is neither space's: one below the kernel's was taken for a user's.
fn of_either(errno: Errno, from: Addr) -> Errno {
    match from.0 {
        ..TASK_SIZE => Errno::EFAULT,
        TASK_SIZE.. => errno,
    }
}

/// What `copy_from_kernel_nofault` says of an address that does not hold memory of the kernel: it looks at the address
/// first (`copy_from_kernel_nofault_allowed` in arch/x86/mm/maccess.c, 6.12).
fn kernel_error(fault: Fault) -> Errno {
    let addr = fault.addr().0;
    match fault.reason() {
        FaultReason::Null | FaultReason::UserMemory => Errno::ERANGE,
        FaultReason::Wild if addr < KERNEL_START || VSYSCALL.contains(&addr) => Errno::ERANGE,
        _ => Errno::EFAULT,
    }
}

/// Whether user space might have something at an address where nothing is.
fn can_be_users(fault: &Fault) -> bool {
    match fault.reason() {
        FaultReason::Null => true,
        FaultReason::Wild => fault.addr().0 <= TASK_SIZE,
        _ => false,
    }
}
