//! Iterators over the memory areas of a task (`struct vm_area_struct`).
//!
//! The areas are those that the event says of the current task; those of others are not known, and are none.
//! The state is one word: the address from which the next area is sought.

use super::objects::task;
use super::{Call, Entry, Reply};
use crate::helpers::Vma;
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_iter_task_vma_new", 3, new),
    Entry::new("bpf_iter_task_vma_next", 1, next),
    Entry::new("bpf_iter_task_vma_destroy", 1, destroy),
];

/// The state of an iterator that yields nothing: no area ends behind it.
const NOTHING: u64 = u64::MAX;

/// `int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task, u64 addr)`
fn new(call: &mut Call<'_>) -> Reply {
    let [iter, of, addr, ..] = call.args;
    let (iter, memory) = (Addr(iter), call.memory());
    let task = task(call, of)?;
    // Threads share the memory of their process; threads of the kernel have none.
    let is_current = task.tgid == call.world.task.tgid;
    let has_none = task.filename.is_empty();
    memory.store(iter, Size::DW, if is_current { addr } else { NOTHING })?;
    Ok(match has_none {
        true => Errno::ENOENT.as_return(),
        false => 0,
    })
}

/// `struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it)`: the area that the address is in, or
/// the next one.
fn next(call: &mut Call<'_>) -> Reply {
    let iter = Addr(call.args[0]);
    let from = call.memory().load(iter, Size::DW)?;
    let vmas: &[Vma] = call.world.hook.vmas;
    let behind = vmas.iter().filter(|vma| vma.end > from);
    let first = behind.min_by_key(|vma| vma.start);
    let rest = first.map_or(NOTHING, |vma| vma.end);
    call.memory().store(iter, Size::DW, rest)?;
    Ok(first.map_or(0, |vma| vma.at.0))
}

/// `void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it)`
fn destroy(call: &mut Call<'_>) -> Reply {
    call.memory().store(Addr(call.args[0]), Size::DW, NOTHING)?;
    Ok(0)
}
