//! Files: which one a task runs, their paths and attributes.
//!
//! Files live as long as the event: references are not counted. None has attributes.

use super::objects::task;
use super::{Call, Entry, Reply};
use crate::helpers::dynptr::Dynptr;
use crate::helpers::files::d_path;
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_get_task_exe_file", 1, get_task_exe_file),
    Entry::new("bpf_put_file", 1, put_file),
    Entry::new("bpf_path_d_path", 3, path_d_path),
    Entry::new("bpf_get_dentry_xattr", 3, get_xattr),
    Entry::new("bpf_get_file_xattr", 3, get_xattr),
];

/// What names of attributes that programs may read begin with.
const PREFIX: &[u8] = b"user.";

/// `struct file *bpf_get_task_exe_file(struct task_struct *task)`: null for a thread of the kernel.
fn get_task_exe_file(call: &mut Call<'_>) -> Reply {
    let at = Addr(call.args[0]);
    task(call, at.0)?;
    let mm = Addr(call.kernel_field(at, "task_struct", "mm"));
    Ok(match mm.is_null() {
        true => 0,
        false => call.kernel_field(mm, "mm_struct", "exe_file"),
    })
}

/// `void bpf_put_file(struct file *file)`
fn put_file(call: &mut Call<'_>) -> Reply {
    call.memory().load(Addr(call.args[0]), Size::DW)?;
    Ok(0)
}

/// `int bpf_path_d_path(struct path *path, char *buf, size_t buf__sz)`: the length with its zero.
fn path_d_path(call: &mut Call<'_>) -> Reply {
    match call.args[2] {
        0 => Ok(Errno::EINVAL.as_return()),
        _ => d_path(call),
    }
}

/// `int bpf_get_file_xattr(struct file *file, const char *name__str, struct bpf_dynptr *value_p)`, and the same of a
/// `struct dentry`: only attributes of users are for programs, which have a name beyond that, and there are none.
fn get_xattr(call: &mut Call<'_>) -> Reply {
    let [_, name, value, ..] = call.args;
    let byte = |call: &Call<'_>, off| call.memory().load(Addr(name).offset(off), Size::B);
    for (wanted, off) in PREFIX.iter().zip(0..) {
        if byte(call, off)? != u64::from(*wanted) {
            return Ok(Errno::EPERM.as_return());
        }
    }
    let is_bare = byte(call, PREFIX.len() as i64)? == 0;
    let value = Dynptr::load(call.memory(), value)?;
    Ok(match is_bare || value.is_null() || value.is_read_only() {
        true => Errno::EINVAL.as_return(),
        false => Errno::ENODATA.as_return(),
    })
}

#[cfg(test)]
mod tests {
    use crate::helpers::dynptr::{Dynptr, DynptrKind};
    use crate::helpers::tests::bench::{Bench, errno};
    use crate::machine::{Addr, Errno};

    #[test]
    fn attributes_of_users_alone_are_asked_for_and_none_is_there() {
        let mut bench = Bench::new();
        let text = Addr(bench.data(&[0; 16]));
        let whole = Dynptr::new(DynptrKind::Local, text, 16);
        let [whole, fixed, nothing] = [whole, whole.read_only(), Dynptr::NOTHING]
            .map(|dynptr| bench.data(&dynptr.to_bytes()));
        let user = bench.data(b"user.note\0");
        let bare = bench.data(b"user.\0");
        let others = [b"security.ima\0".as_slice(), b"use\0", b"\0"];
        let others = others.map(|name| bench.data(name));
        let mut get = |name, value| bench.kfunc("bpf_get_file_xattr", [8, name, value]);
        assert_eq!(get(user, whole), errno(Errno::ENODATA));
        assert_eq!(get(user, fixed), errno(Errno::EINVAL));
        assert_eq!(get(user, nothing), errno(Errno::EINVAL));
        assert_eq!(get(bare, whole), errno(Errno::EINVAL));
        for name in others {
            assert_eq!(get(name, whole), errno(Errno::EPERM));
        }
    }

    #[test]
    fn what_is_no_task_or_file_traps() {
        let mut bench = Bench::new();
        for name in ["bpf_get_task_exe_file", "bpf_put_file"] {
            assert!(bench.kfunc_reply(name, [8]).is_err(), "{name}");
        }
        let room = bench.data(&[0; 8]);
        let path = bench.kfunc("bpf_path_d_path", [room, room, 0]);
        assert_eq!(path, errno(Errno::EINVAL));
    }
}
