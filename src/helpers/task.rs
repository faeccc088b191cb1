//! The current task: who it is, and signals to it.

use super::{Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, ROOT_CGROUP};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(14, "bpf_get_current_pid_tgid", get_current_pid_tgid),
    Entry::new(15, "bpf_get_current_uid_gid", get_current_uid_gid),
    Entry::new(16, "bpf_get_current_comm", get_current_comm),
    Entry::new(35, "bpf_get_current_task", get_current_task),
    Entry::new(80, "bpf_get_current_cgroup_id", get_current_cgroup_id),
    Entry::new(109, "bpf_send_signal", send_signal),
    Entry::new(117, "bpf_send_signal_thread", send_signal),
    Entry::new(120, "bpf_get_ns_current_pid_tgid", get_ns_current_pid_tgid),
    Entry::new(
        123,
        "bpf_get_current_ancestor_cgroup_id",
        get_current_ancestor_cgroup_id,
    ),
    Entry::new(158, "bpf_get_current_task_btf", get_current_task),
];

/// Highest signal (`_NSIG`).
const MAX_SIGNAL: u32 = 64;

/// `u64 bpf_get_current_pid_tgid(void)`
fn get_current_pid_tgid(call: &mut Call<'_>) -> Reply {
    Ok(call.world.task.pid_tgid())
}

/// `u64 bpf_get_current_uid_gid(void)`
fn get_current_uid_gid(call: &mut Call<'_>) -> Reply {
    Ok(call.world.task.uid_gid())
}

/// `long bpf_get_current_comm(void *buf, u32 size_of_buf)`: cut, terminated, padded with zeros.
fn get_current_comm(call: &mut Call<'_>) -> Reply {
    let [buf, size, ..] = call.args;
    let size = size as u32 as usize;
    call.check_room(buf, size)?;
    let mut bytes = vec![0; size];
    let room = size.saturating_sub(1);
    for (to, from) in bytes
        .iter_mut()
        .take(room)
        .zip(call.world.task.comm.bytes())
    {
        *to = *from;
    }
    call.memory().write(Addr(buf), &bytes)?;
    Ok(0)
}

/// `u64 bpf_get_current_task(void)`
fn get_current_task(call: &mut Call<'_>) -> Reply {
    let task = call.world.task_struct;
    task.map(|addr| addr.0)
        .ok_or(HelperError::Refused("this run has no task_struct"))
}

/// `u64 bpf_get_current_cgroup_id(void)`
fn get_current_cgroup_id(call: &mut Call<'_>) -> Reply {
    Ok(call.world.task.cgroup_id)
}

/// `u64 bpf_get_current_ancestor_cgroup_id(int ancestor_level)`: every cgroup but the root is one
/// level below it.
fn get_current_ancestor_cgroup_id(call: &mut Call<'_>) -> Reply {
    let own = call.world.task.cgroup_id;
    Ok(match call.args[0] as u32 {
        0 => ROOT_CGROUP,
        1 if own != ROOT_CGROUP => own,
        _ => 0,
    })
}

/// `long bpf_send_signal(u32 sig)`, to the thread or its process alike.
fn send_signal(call: &mut Call<'_>) -> Reply {
    let signal = call.args[0] as u32;
    // Neither kernel threads nor init take signals from programs.
    if call.world.task.tgid <= 1 {
        return Ok(Errno::EPERM.as_return());
    }
    if signal > MAX_SIGNAL {
        return Ok(Errno::EINVAL.as_return());
    }
    call.state().signals.push(signal);
    Ok(0)
}

/// `long bpf_get_ns_current_pid_tgid(u64 dev, u64 ino, struct bpf_pidns_info *nsdata, u32 size)`
fn get_ns_current_pid_tgid(call: &mut Call<'_>) -> Reply {
    let [device, inode, data, size, _] = call.args;
    let task = call.world.task;
    let namespace = (task.namespaces.device, u64::from(task.namespaces.pid));
    if size as u32 != 8 || namespace != (device, inode) {
        call.check_room(data, size as u32 as usize)?;
        call.memory()
            .write(Addr(data), &vec![0; size as u32 as usize])?;
        return Ok(Errno::EINVAL.as_return());
    }
    let memory = call.memory();
    memory.store(Addr(data), Size::W, u64::from(task.pid))?;
    memory.store(Addr(data).offset(4), Size::W, u64::from(task.tgid))?;
    Ok(0)
}
