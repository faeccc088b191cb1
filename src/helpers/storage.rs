//! Storage that hangs on tasks, inodes, sockets and cgroups.

use super::map::status;
use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno, Holder};
use crate::maps::{LocalStorage, Map, WhenMissing};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(81, "bpf_get_local_storage", get_local_storage),
    Entry::new(107, "bpf_sk_storage_get", storage_get),
    Entry::new(108, "bpf_sk_storage_delete", storage_delete),
    Entry::new(145, "bpf_inode_storage_get", storage_get),
    Entry::new(146, "bpf_inode_storage_delete", storage_delete),
    Entry::new(156, "bpf_task_storage_get", storage_get),
    Entry::new(157, "bpf_task_storage_delete", storage_delete),
    Entry::new(210, "bpf_cgrp_storage_get", storage_get),
    Entry::new(211, "bpf_cgrp_storage_delete", storage_delete),
];

/// `BPF_LOCAL_STORAGE_GET_F_CREATE`.
const CREATE: u64 = 1;

/// `void *bpf_task_storage_get(struct bpf_map *map, struct task_struct *task, void *value, u64 flags)`,
/// and the same of inodes, sockets and cgroups.
fn storage_get(call: &mut Call<'_>) -> Reply {
    let [map, object, value, flags, _] = call.args;
    let map = call.map(map)?;
    if flags & !CREATE != 0 || object == 0 {
        return Ok(0);
    }
    let holder = holder(call, object)?;
    let storage = local(map)?;
    let init = match (flags, value) {
        (CREATE, value) if value != 0 => {
            Some(call.memory().read_vec(Addr(value), map.spec.value_size)?)
        }
        _ => None,
    };
    let missing = match &init {
        _ if flags != CREATE => WhenMissing::Leave,
        Some(bytes) => WhenMissing::Fill(bytes),
        None => WhenMissing::Zero,
    };
    let found = storage.get(call.memory(), holder, missing);
    Ok(found.map_or(0, |addr| addr.0))
}

/// `long bpf_task_storage_delete(struct bpf_map *map, struct task_struct *task)`, and the same of
/// inodes, sockets and cgroups.
fn storage_delete(call: &mut Call<'_>) -> Reply {
    let [map, object, ..] = call.args;
    let map = call.map(map)?;
    if object == 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let holder = holder(call, object)?;
    Ok(status(local(map)?.forget(holder)))
}

/// `void *bpf_get_local_storage(void *map, u64 flags)`
fn get_local_storage(call: &mut Call<'_>) -> Reply {
    let map = call.map(call.args[0])?;
    let storage = map
        .cgroup()
        .ok_or(HelperError::Refused("the map is no storage of cgroups"))?;
    let place = call
        .world
        .hook
        .cgroup
        .ok_or(HelperError::Refused("the program is attached to no cgroup"))?;
    let found = storage.get(&call.map_env(), place);
    // The kernel had it since the program was attached.
    found
        .map(|addr| addr.0)
        .ok_or(HelperError::Refused("there is no memory for the storage"))
}

fn holder(call: &Call<'_>, object: u64) -> Result<Holder, HelperError> {
    let holder = call.world.machine.holders.get(Addr(object));
    holder.ok_or(HelperError::Refused(
        "the argument is nothing that storage hangs on",
    ))
}

fn local(map: &Map) -> Result<&LocalStorage, HelperError> {
    map.local()
        .ok_or(HelperError::Refused("the map is no local storage"))
}
