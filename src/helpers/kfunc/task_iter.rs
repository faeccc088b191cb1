//! Iterators over tasks: all processes, all threads, the threads of a process, the tasks of a cgroup.
//!
//! The state of the first three lies in the program's stack: of which process, how many were yielded, what is asked for.
//! That of the last has no room there, as in the kernel, and is an object of its own.

use super::objects::{cgroup, place_of_task, task, tasks};
use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::isa::Size;
use crate::machine::{Addr, Errno, ObjectKind, ObjectSpec, Owner, ProgramAccess, Task};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_iter_task_new", 3, new),
    Entry::new("bpf_iter_task_next", 1, next),
    Entry::new("bpf_iter_task_destroy", 1, destroy),
    Entry::new("bpf_iter_css_task_new", 3, css_new),
    Entry::new("bpf_iter_css_task_next", 1, css_next),
    Entry::new("bpf_iter_css_task_destroy", 1, css_destroy),
];

/// What an iterator over tasks may be asked for (`BPF_TASK_ITER_*`).
const ALL_PROCS: u64 = 0;
const ALL_THREADS: u64 = 1;
const PROC_THREADS: u64 = 2;

/// What an iterator over the tasks of a cgroup may be asked for (`CSS_TASK_ITER_*`): everything, only processes, or
/// processes with what is below in the same domain.
const CSS_PROCS: u64 = 1;
const CSS_THREADED: u64 = 2;

/// Where in the state the number of tasks yielded and what is asked for are; they follow the task or cgroup.
const YIELDED: i64 = 8;
const FLAGS: i64 = 16;

/// The flags of an iterator that yields nothing.
const NOTHING: u64 = u64::MAX;

/// The name of the object that holds the state of an iterator over a cgroup's tasks.
const CSS_NAME: &str = "css_task_iter";

/// `int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task__nullable, unsigned int flags)`
fn new(call: &mut Call<'_>) -> Reply {
    let [iter, of, flags, ..] = call.args;
    let flags = u64::from(flags as u32);
    let refused = match flags {
        ALL_PROCS | ALL_THREADS => false,
        PROC_THREADS => of == 0,
        _ => true,
    };
    let pid = match flags {
        PROC_THREADS if !refused => task(call, of)?.pid,
        _ => 0,
    };
    let state = [u64::from(pid), 0, if refused { NOTHING } else { flags }];
    begin(call, Addr(iter), state)?;
    Ok(match refused {
        true => Errno::EINVAL.as_return(),
        false => 0,
    })
}

/// `struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it)`
fn next(call: &mut Call<'_>) -> Reply {
    let iter = Addr(call.args[0]);
    let memory = call.memory();
    let pid = memory.load(iter, Size::DW)?;
    let flags = memory.load(iter.offset(FLAGS), Size::DW)?;
    let mut all = tasks(call);
    // From the task that was given on, not from the first of its process.
    let from = all.iter().find(|task| u64::from(task.pid) == pid).cloned();
    let wanted = |task: &Task| match flags {
        ALL_PROCS => task.pid == task.tgid,
        ALL_THREADS => true,
        PROC_THREADS => from
            .as_ref()
            .is_some_and(|from| task.tgid == from.tgid && task.pid >= from.pid),
        _ => false,
    };
    all.retain(|task| wanted(task));
    if flags == ALL_THREADS {
        all.sort_by_key(|task| (task.tgid, task.pid));
    }
    let pids: Vec<u32> = all.iter().map(|task| task.pid).collect();
    yield_next(call, iter, &pids)
}

/// `void bpf_iter_task_destroy(struct bpf_iter_task *it)`
fn destroy(call: &mut Call<'_>) -> Reply {
    begin(call, Addr(call.args[0]), [0, 0, NOTHING])
}

/// `int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags)`
fn css_new(call: &mut Call<'_>) -> Reply {
    let [iter, css, flags, ..] = call.args;
    let (memory, iter) = (call.memory(), Addr(iter));
    let flags = u64::from(flags as u32);
    memory.store(iter, Size::DW, 0)?;
    if ![0, CSS_PROCS, CSS_PROCS | CSS_THREADED].contains(&flags) {
        return Ok(Errno::EINVAL.as_return());
    }
    let id = cgroup(call, css)?;
    let spec = ObjectSpec::new(ObjectKind::KernelObject, CSS_NAME, Owner::Kernel);
    let Ok(state) = memory.allocate(24, &spec) else {
        return Ok(Errno::ENOMEM.as_return());
    };
    begin(call, state, [id, 0, flags])?;
    memory.set_access(state, ProgramAccess::ReadOnly);
    memory.store(iter, Size::DW, state.0)?;
    Ok(0)
}

/// The state of an iterator over a cgroup's tasks, unless it could not begin.
fn css_state(call: &Call<'_>) -> Result<Option<Addr>, HelperError> {
    let state = Addr(call.memory().load(Addr(call.args[0]), Size::DW)?);
    if state.is_null() {
        return Ok(None);
    }
    let info = call.object_named(state, CSS_NAME);
    match info.filter(|info| info.offset == 0) {
        Some(_) => Ok(Some(state)),
        None => Err(HelperError::Refused("this iterator was not begun")),
    }
}

/// `struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it)`: those that are in the cgroup itself.
fn css_next(call: &mut Call<'_>) -> Reply {
    let Some(state) = css_state(call)? else {
        return Ok(0);
    };
    let id = call.memory().peek_uint(state, Size::DW)?;
    let flags = call.memory().peek_uint(state.offset(FLAGS), Size::DW)?;
    let is_wanted = |task: &Task| {
        let is_process = task.pid == task.tgid;
        task.cgroup_id == id && task.pid != 0 && (flags & CSS_PROCS == 0 || is_process)
    };
    let all = tasks(call);
    let wanted = all.iter().filter(|task| is_wanted(task));
    let pids: Vec<u32> = wanted.map(|task| task.pid).collect();
    yield_next(call, state, &pids)
}

/// `void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it)`
fn css_destroy(call: &mut Call<'_>) -> Reply {
    if let Some(state) = css_state(call)? {
        call.memory().free(state);
    }
    call.memory().store(Addr(call.args[0]), Size::DW, 0)?;
    Ok(0)
}

fn begin(call: &Call<'_>, at: Addr, state: [u64; 3]) -> Reply {
    let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_le_bytes()).collect();
    call.memory().write(at, &bytes)?;
    Ok(0)
}

/// The next of the tasks that an iterator yields, and notes that.
fn yield_next(call: &Call<'_>, at: Addr, pids: &[u32]) -> Reply {
    let memory = call.memory();
    let yielded = memory.peek_uint(at.offset(YIELDED), Size::DW)?;
    let next = usize::try_from(yielded).ok().and_then(|at| pids.get(at));
    let Some(pid) = next else {
        return Ok(0);
    };
    memory.poke_uint(at.offset(YIELDED), Size::DW, yielded.wrapping_add(1))?;
    Ok(place_of_task(call, *pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::tests::bench::{Bench, errno};
    use crate::machine::{Holder, HolderKind, ROOT_CGROUP};

    /// The machine's tasks, a second thread of the shell, and a structure for each and for the root cgroup.
    fn bench() -> (Bench, u64) {
        let bench = Bench::new();
        bench.machine.tasks.insert(Task {
            pid: 1235,
            ..Task::default()
        });
        let place = |kind, number| {
            let at = bench.object(ObjectKind::KernelObject, &[0; 64]);
            bench.machine.holders.insert(at, Holder { kind, number });
            at.0
        };
        for task in bench.machine.tasks.all() {
            place(HolderKind::Task, u64::from(task.pid));
        }
        let root = place(HolderKind::Cgroup, ROOT_CGROUP);
        (bench, root)
    }

    /// The numbers of the tasks that an iterator yields, or the error that it begins with.
    fn walk(kind: &str, of: impl Fn(&Bench) -> u64, flags: u64) -> Result<Vec<u64>, i64> {
        let (mut bench, _) = bench();
        let iter = bench.data(&[0xff; 24]);
        let of = of(&bench);
        let started = bench.kfunc(&format!("bpf_iter_{kind}_new"), [iter, of, flags]);
        let mut pids = Vec::new();
        loop {
            let at = bench.kfunc(&format!("bpf_iter_{kind}_next"), [iter]);
            if at == 0 {
                break;
            }
            let holder = bench.machine.holders.get(Addr(at.cast_unsigned()));
            pids.push(holder.expect("a task").number);
        }
        let state = Addr(bench.word(iter));
        bench.kfunc(&format!("bpf_iter_{kind}_destroy"), [iter]);
        let state = bench.machine.memory.describe(state);
        let left = state.filter(|info| info.live && &*info.name == CSS_NAME);
        assert_eq!(left, None);
        assert_eq!(bench.kfunc(&format!("bpf_iter_{kind}_next"), [iter]), 0);
        match started {
            0 => Ok(pids),
            error => {
                assert!(pids.is_empty());
                Err(error)
            }
        }
    }

    fn task_of(pid: u64) -> impl Fn(&Bench) -> u64 {
        move |bench| {
            let holder = Holder {
                kind: HolderKind::Task,
                number: pid,
            };
            bench.machine.holders.find(holder).expect("a task").0
        }
    }

    #[test]
    fn processes_threads_and_threads_of_one_are_yielded_in_order() {
        let none = |_: &Bench| 0;
        assert_eq!(walk("task", none, ALL_PROCS), Ok(vec![0, 1, 1000, 1234]));
        assert_eq!(
            walk("task", none, ALL_THREADS),
            Ok(vec![0, 1, 1000, 1234, 1235])
        );
        assert_eq!(
            walk("task", task_of(1234), PROC_THREADS),
            Ok(vec![1234, 1235])
        );
        assert_eq!(walk("task", task_of(1235), PROC_THREADS), Ok(vec![1235]));
        assert_eq!(walk("task", none, PROC_THREADS), Err(errno(Errno::EINVAL)));
        assert_eq!(walk("task", none, 3), Err(errno(Errno::EINVAL)));
    }

    #[test]
    fn tasks_of_a_cgroup_are_those_within() {
        let root = |bench: &Bench| {
            let holder = Holder {
                kind: HolderKind::Cgroup,
                number: ROOT_CGROUP,
            };
            bench.machine.holders.find(holder).expect("the root").0
        };
        let all = vec![1, 1000, 1234, 1235];
        assert_eq!(walk("css_task", root, 0), Ok(all));
        assert_eq!(walk("css_task", root, CSS_PROCS), Ok(vec![1, 1000, 1234]));
        assert_eq!(walk("css_task", root, 2), Err(errno(Errno::EINVAL)));
        assert_eq!(walk("css_task", root, 4), Err(errno(Errno::EINVAL)));
    }
}
