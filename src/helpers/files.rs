//! Files of the modelled kernel: their paths, what is measured of them, and the sockets that some are.

use super::{Call, Entry, Reply};
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(147, "bpf_d_path", d_path),
    Entry::new(159, "bpf_bprm_opts_set", bprm_opts_set),
    Entry::new(161, "bpf_ima_inode_hash", not_measured),
    Entry::new(162, "bpf_sock_from_file", sock_from_file),
    Entry::new(193, "bpf_ima_file_hash", not_measured),
];

/// A path has at most so many parts.
const LEVELS: usize = 256;
/// The longest name of a file.
const NAME: u32 = 255;

/// `long bpf_d_path(const struct path *path, char *buf, u32 sz)`: the length with its zero.
pub(super) fn d_path(call: &mut Call<'_>) -> Reply {
    let [path, buf, size, ..] = call.args;
    let size = size as u32;
    if size == 0 {
        return Ok(0);
    }
    let mut text = path_of(call, Addr(path));
    text.push(0);
    if text.len() > size as usize {
        return Ok(Errno::ENAMETOOLONG.as_return());
    }
    // The kernel puts it together at the end, moves it to the front, and leaves there what it does not cover.
    let end = i64::from(size) - text.len() as i64;
    call.memory().write(Addr(buf).offset(end), &text)?;
    call.memory().write(Addr(buf), &text)?;
    Ok(text.len() as u64)
}

/// The names from the root on.
fn path_of(call: &Call<'_>, path: Addr) -> Vec<u8> {
    let mut parts = Vec::new();
    let mut entry = Addr(call.kernel_field(path, "path", "dentry"));
    for _ in 0..LEVELS {
        let above = Addr(call.kernel_field(entry, "dentry", "d_parent"));
        if entry.is_null() || above == entry {
            break;
        }
        let name = Addr(call.kernel_field(entry, "dentry", "d_name.name"));
        let read = call.memory().probe_read_str(name, NAME + 1);
        parts.push(read.unwrap_or_default());
        entry = above;
    }
    match parts.is_empty() {
        true => b"/".to_vec(),
        false => parts
            .iter()
            .rev()
            .flat_map(|part| [b"/", part.as_slice()].concat())
            .collect(),
    }
}

/// `long bpf_bprm_opts_set(struct linux_binprm *bprm, u64 flags)`
fn bprm_opts_set(call: &mut Call<'_>) -> Reply {
    /// `BPF_F_BPRM_SECUREEXEC`.
    const SECURE: u64 = 1;
    let [bprm, flags, ..] = call.args;
    if flags & !SECURE != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    if let Some((byte, bit)) = call.member_bit("linux_binprm", "secureexec") {
        let place = Addr(bprm).offset(byte);
        let mut value = [0];
        call.memory().peek(place, &mut value)?;
        let [old] = value;
        let new = (old & !(1 << bit)) | ((flags & SECURE) as u8) << bit;
        call.memory().poke(place, &[new])?;
    }
    Ok(0)
}

/// `long bpf_ima_inode_hash(struct inode *inode, void *dst, u32 size)` and
/// `long bpf_ima_file_hash(struct file *file, void *dst, u32 size)`: the machine measures no files.
fn not_measured(call: &mut Call<'_>) -> Reply {
    let [_, to, size, ..] = call.args;
    call.check_room(to, size as u32 as usize)?;
    Ok(Errno::EOPNOTSUPP.as_return())
}

/// `struct socket *bpf_sock_from_file(struct file *file)`: the machine's files have paths, and none is
/// a socket.
fn sock_from_file(_call: &mut Call<'_>) -> Reply {
    Ok(0)
}
