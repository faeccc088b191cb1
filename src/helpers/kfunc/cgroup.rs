//! Cgroups: references to them, the tree that they are, and iterators over it.
//!
//! The tree has two levels: the root, and the cgroups that tasks are in. A cgroup lives as long as the run: references
//! are not counted. An iterator's state lies in the program's stack: where it began, where it is, its order.

use super::objects::{cgroup, cgroups, place_of_cgroup};
use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, ROOT_CGROUP};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_cgroup_acquire", 1, acquire),
    Entry::new("bpf_cgroup_release", 1, release),
    Entry::new("bpf_cgroup_ancestor", 2, ancestor),
    Entry::new("bpf_cgroup_from_id", 1, from_id),
    Entry::new("bpf_iter_css_new", 3, new),
    Entry::new("bpf_iter_css_next", 1, next),
    Entry::new("bpf_iter_css_destroy", 1, destroy),
    Entry::new("cgroup_rstat_updated", 2, release),
    Entry::new("cgroup_rstat_flush", 1, release),
];

/// The orders of an iterator (`BPF_CGROUP_ITER_*`).
const DESCENDANTS_PRE: u64 = 2;
const DESCENDANTS_POST: u64 = 3;
const ANCESTORS_UP: u64 = 4;

/// Where in the state of an iterator its place among the cgroups it yields, and its order are.
const PLACE: i64 = 8;
const ORDER: i64 = 16;

/// `struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp)`
fn acquire(call: &mut Call<'_>) -> Reply {
    cgroup(call, call.args[0])?;
    Ok(call.args[0])
}

/// `void bpf_cgroup_release(struct cgroup *cgrp)`; the statistics of cgroups are nobody's here.
fn release(call: &mut Call<'_>) -> Reply {
    cgroup(call, call.args[0])?;
    Ok(0)
}

/// `struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level)`
fn ancestor(call: &mut Call<'_>) -> Reply {
    let [at, level, ..] = call.args;
    let id = cgroup(call, at)?;
    Ok(match level as i32 {
        0 => place_of_cgroup(call, ROOT_CGROUP),
        1 if id != ROOT_CGROUP => at,
        _ => 0,
    })
}

/// `struct cgroup *bpf_cgroup_from_id(u64 cgid)`
fn from_id(call: &mut Call<'_>) -> Reply {
    Ok(place_of_cgroup(call, call.args[0]))
}

/// `int bpf_iter_css_new(struct bpf_iter_css *it, struct cgroup_subsys_state *start, unsigned int flags)`
fn new(call: &mut Call<'_>) -> Reply {
    let [iter, start, order, ..] = call.args;
    let (memory, iter) = (call.memory(), Addr(iter));
    let order = u64::from(order as u32);
    let known = [DESCENDANTS_PRE, DESCENDANTS_POST, ANCESTORS_UP].contains(&order);
    let (start, result) = match known {
        true => (start, 0),
        false => (0, Errno::EINVAL.as_return()),
    };
    memory.store(iter, Size::DW, start)?;
    memory.store(iter.offset(PLACE), Size::DW, 0)?;
    memory.store(iter.offset(ORDER), Size::DW, order)?;
    Ok(result)
}

/// `struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *it)`
fn next(call: &mut Call<'_>) -> Reply {
    let (memory, iter) = (call.memory(), Addr(call.args[0]));
    let start = memory.load(iter, Size::DW)?;
    if start == 0 {
        return Ok(0);
    }
    let place = memory.load(iter.offset(PLACE), Size::DW)?;
    let order = memory.load(iter.offset(ORDER), Size::DW)?;
    let start = cgroup(call, start)?;
    let yielded = in_order(call, start, order);
    let id = usize::try_from(place)
        .ok()
        .and_then(|place| yielded.get(place));
    let Some(id) = id else {
        return Ok(0);
    };
    memory.store(iter.offset(PLACE), Size::DW, place.wrapping_add(1))?;
    Ok(place_of_cgroup(call, *id))
}

/// The cgroups that an iterator yields.
fn in_order(call: &Call<'_>, start: u64, order: u64) -> Vec<u64> {
    let below: Vec<u64> = match start {
        ROOT_CGROUP => cgroups(call).split_off(1),
        _ => Vec::new(),
    };
    match order {
        DESCENDANTS_PRE => [vec![start], below].concat(),
        DESCENDANTS_POST => [below, vec![start]].concat(),
        _ if start == ROOT_CGROUP => vec![start],
        _ => vec![start, ROOT_CGROUP],
    }
}

/// `void bpf_iter_css_destroy(struct bpf_iter_css *it)`
fn destroy(call: &mut Call<'_>) -> Reply {
    call.memory().store(Addr(call.args[0]), Size::DW, 0)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helpers::tests::bench::{Bench, errno};
    use crate::machine::{Holder, HolderKind, ObjectKind, Task};

    const OWN: u64 = 77;

    /// A machine with two cgroups: the root's structure and the other's.
    fn bench() -> (Bench, u64, u64) {
        let mut bench = Bench::new();
        bench.task = Task {
            cgroup_id: OWN,
            ..Task::default()
        };
        let [root, own] = [ROOT_CGROUP, OWN].map(|number| {
            let at = bench.object(ObjectKind::KernelObject, &[0; 64]);
            let kind = HolderKind::Cgroup;
            bench.machine.holders.insert(at, Holder { kind, number });
            at.0
        });
        (bench, root, own)
    }

    #[test]
    fn cgroups_are_found_by_id_and_by_level() {
        let (mut bench, root, own) = bench();
        let mut ancestor = |level: i32| bench.kfunc("bpf_cgroup_ancestor", [own, level as u64]);
        assert_eq!(
            [0, 1, 2, -1].map(&mut ancestor),
            [root, own, 0, 0].map(|at| at as i64)
        );
        assert_eq!(bench.kfunc("bpf_cgroup_ancestor", [root, 1]), 0);
        assert_eq!(bench.kfunc("bpf_cgroup_from_id", [OWN]), own as i64);
        assert_eq!(bench.kfunc("bpf_cgroup_from_id", [9]), 0);
        assert_eq!(bench.kfunc("bpf_cgroup_acquire", [own]), own as i64);
        assert_eq!(bench.kfunc("bpf_cgroup_release", [own]), 0);
        assert!(bench.kfunc_reply("bpf_cgroup_acquire", [0]).is_err());
    }

    #[test]
    fn iterators_walk_down_and_up() {
        let (mut bench, root, own) = bench();
        let iter = bench.data(&[0xff; 24]);
        let mut walk = |start, order| {
            let started = bench.kfunc("bpf_iter_css_new", [iter, start, order]);
            let mut seen = Vec::new();
            loop {
                match bench.kfunc("bpf_iter_css_next", [iter]) {
                    0 => break,
                    css => seen.push(css.cast_unsigned()),
                }
            }
            bench.kfunc("bpf_iter_css_destroy", [iter]);
            (started, seen)
        };
        assert_eq!(walk(root, DESCENDANTS_PRE), (0, vec![root, own]));
        assert_eq!(walk(root, DESCENDANTS_POST), (0, vec![own, root]));
        assert_eq!(walk(root, ANCESTORS_UP), (0, vec![root]));
        assert_eq!(walk(own, ANCESTORS_UP), (0, vec![own, root]));
        assert_eq!(walk(own, DESCENDANTS_PRE), (0, vec![own]));
        assert_eq!(walk(root, 0), (errno(Errno::EINVAL), Vec::new()));
        assert_eq!(walk(root, 5), (errno(Errno::EINVAL), Vec::new()));
    }
}
