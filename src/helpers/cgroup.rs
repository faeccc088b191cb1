//! Which cgroup the current task is in.

use super::map::status;
use super::{Call, Entry, HelperError, Reply};

pub(super) const ROWS: &[Entry] = &[Entry::new(
    37,
    "bpf_current_task_under_cgroup",
    current_task_under_cgroup,
)];

/// `long bpf_current_task_under_cgroup(struct bpf_map *map, u32 index)`
fn current_task_under_cgroup(call: &mut Call<'_>) -> Reply {
    let [map, index, ..] = call.args;
    let map = call.map(map)?;
    let cgroups = map
        .cgroups()
        .ok_or(HelperError::Refused("the map has no cgroups"))?;
    let under = cgroups.is_under(index as u32, call.world.task.cgroup_id);
    Ok(match under {
        Ok(under) => u64::from(under),
        Err(errno) => status(Err(errno)),
    })
}
