//! Tasks and cgroups as kernel functions are given them: what a structure in guest memory stands for, and where the
//! structure of a task or cgroup is.
//!
//! It has no rows. Structures are laid out before the run, and live as long as it does.

use std::sync::Arc;

use super::Call;
use crate::helpers::HelperError;
use crate::machine::{Addr, Holder, HolderKind, ROOT_CGROUP, Task};

/// The task that a `struct task_struct` stands for.
pub(super) fn task(call: &Call<'_>, at: u64) -> Result<Arc<Task>, HelperError> {
    let holder = call.world.machine.holders.get(Addr(at));
    let pid = match holder {
        Some(Holder {
            kind: HolderKind::Task,
            number,
        }) => number,
        Some(_) | None => return Err(HelperError::Refused("this is no task")),
    };
    let found = tasks(call).into_iter();
    let mut found = found.filter(|task| u64::from(task.pid) == pid);
    let gone = HelperError::Refused("this task is not one of the machine's");
    found.next().ok_or(gone)
}

/// Every task, the idle one first, by rising number.
pub(super) fn tasks(call: &Call<'_>) -> Vec<Arc<Task>> {
    let mut tasks = call.world.machine.tasks.all();
    let current = call.world.task;
    tasks.retain(|task| task.pid != current.pid);
    tasks.push(Arc::new(current.clone()));
    tasks.sort_unstable_by_key(|task| task.pid);
    tasks
}

/// Where a task's structure is, or null.
pub(super) fn place_of_task(call: &Call<'_>, pid: u32) -> u64 {
    place(call, HolderKind::Task, u64::from(pid))
}

/// The id of the cgroup that a `struct cgroup` stands for, or a `struct cgroup_subsys_state`, which it begins with.
pub(super) fn cgroup(call: &Call<'_>, at: u64) -> Result<u64, HelperError> {
    match call.world.machine.holders.get(Addr(at)) {
        Some(Holder {
            kind: HolderKind::Cgroup,
            number,
        }) => Ok(number),
        Some(_) | None => Err(HelperError::Refused("this is no cgroup")),
    }
}

/// Where a cgroup's structure is, or null.
pub(super) fn place_of_cgroup(call: &Call<'_>, id: u64) -> u64 {
    place(call, HolderKind::Cgroup, id)
}

fn place(call: &Call<'_>, kind: HolderKind, number: u64) -> u64 {
    let at = call.world.machine.holders.find(Holder { kind, number });
    at.map_or(0, |at| at.0)
}

/// Every cgroup: the root, and below it those that tasks are in.
pub(super) fn cgroups(call: &Call<'_>) -> Vec<u64> {
    let mut below: Vec<u64> = tasks(call).iter().map(|task| task.cgroup_id).collect();
    below.retain(|id| *id != ROOT_CGROUP);
    below.sort_unstable();
    below.dedup();
    [vec![ROOT_CGROUP], below].concat()
}
