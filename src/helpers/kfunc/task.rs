//! Tasks: references to them, and which cgroups they are in.
//!
//! A task lives as long as the run: references are not counted. No hierarchy of the old kind of cgroups is mounted.

use super::objects::{cgroup, place_of_task, task};
use super::{Call, Entry, Reply};
use crate::machine::ROOT_CGROUP;

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_task_acquire", 1, acquire),
    Entry::new("bpf_task_release", 1, release),
    Entry::new("bpf_task_from_pid", 1, from_pid),
    Entry::new("bpf_task_under_cgroup", 2, under_cgroup),
    Entry::new("bpf_task_get_cgroup1", 2, get_cgroup1),
];

/// `struct task_struct *bpf_task_acquire(struct task_struct *p)`
fn acquire(call: &mut Call<'_>) -> Reply {
    task(call, call.args[0])?;
    Ok(call.args[0])
}

/// `void bpf_task_release(struct task_struct *p)`
fn release(call: &mut Call<'_>) -> Reply {
    task(call, call.args[0])?;
    Ok(0)
}

/// `struct task_struct *bpf_task_from_pid(s32 pid)`: null for a number that no task has; the idle task has none.
fn from_pid(call: &mut Call<'_>) -> Reply {
    match call.args[0] as i32 {
        ..=0 => Ok(0),
        pid => Ok(place_of_task(call, pid.cast_unsigned())),
    }
}

/// `long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor)`
fn under_cgroup(call: &mut Call<'_>) -> Reply {
    let [at, ancestor, ..] = call.args;
    let (task, ancestor) = (task(call, at)?, cgroup(call, ancestor)?);
    let under = ancestor == ROOT_CGROUP || task.cgroup_id == ancestor;
    Ok(u64::from(under))
}

/// `struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy_id)`
fn get_cgroup1(call: &mut Call<'_>) -> Reply {
    task(call, call.args[0])?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::Bench;
    use crate::machine::{Addr, Holder, HolderKind, ObjectKind, ROOT_CGROUP, Task};

    fn place(bench: &Bench, kind: HolderKind, number: u64) -> u64 {
        let at = bench.object(ObjectKind::KernelObject, &[0; 64]);
        bench.machine.holders.insert(at, Holder { kind, number });
        at.0
    }

    #[test]
    fn tasks_are_found_by_number_and_given_back() {
        let mut bench = Bench::new();
        let init = place(&bench, HolderKind::Task, 1);
        let idle = place(&bench, HolderKind::Task, 0);
        assert_eq!(bench.kfunc("bpf_task_from_pid", [1]), init as i64);
        assert_eq!(bench.kfunc("bpf_task_from_pid", [0]), 0);
        assert_eq!(bench.kfunc("bpf_task_from_pid", [-1i32 as u64]), 0);
        assert_eq!(bench.kfunc("bpf_task_from_pid", [4242]), 0);
        assert_eq!(bench.kfunc("bpf_task_acquire", [idle]), idle as i64);
        assert_eq!(bench.kfunc("bpf_task_release", [idle]), 0);
        assert_eq!(bench.kfunc("bpf_task_get_cgroup1", [init, 1]), 0);
    }

    #[test]
    fn what_is_no_task_traps() {
        let mut bench = Bench::new();
        let cgroup = place(&bench, HolderKind::Cgroup, ROOT_CGROUP);
        for at in [0, 8, cgroup] {
            assert!(bench.kfunc_reply("bpf_task_acquire", [at]).is_err());
        }
        bench.machine.holders.remove(Addr(cgroup));
        let task = place(&bench, HolderKind::Task, 1);
        let reply = bench.kfunc_reply("bpf_task_under_cgroup", [task, cgroup]);
        assert!(reply.is_err());
    }

    #[test]
    fn task_is_under_its_own_cgroup_and_the_root() {
        let mut bench = Bench::new();
        bench.task = Task {
            cgroup_id: 77,
            ..Task::default()
        };
        let task = place(&bench, HolderKind::Task, u64::from(bench.task.pid));
        let init = place(&bench, HolderKind::Task, 1);
        let root = place(&bench, HolderKind::Cgroup, ROOT_CGROUP);
        let own = place(&bench, HolderKind::Cgroup, 77);
        let mut under = |task, cgroup| bench.kfunc("bpf_task_under_cgroup", [task, cgroup]);
        assert_eq!([under(task, root), under(task, own)], [1, 1]);
        assert_eq!([under(init, root), under(init, own)], [1, 0]);
    }
}
