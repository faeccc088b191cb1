//! What the kernel keeps of a task beside its structure: the registers that it came with, its stack,
//! and what its memory is mapped to.
//!
//! Of the current task the event tells; of the others is known that they sleep.

use super::stacks;
use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno, Holder, HolderKind};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(141, "bpf_get_task_stack", get_task_stack),
    Entry::new(175, "bpf_task_pt_regs", task_pt_regs),
    Entry::new(180, "bpf_find_vma", find_vma),
];

/// A mapping of the current task's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vma {
    /// Its first address.
    pub start: u64,
    /// The first behind it.
    pub end: u64,
    /// Its `vm_area_struct`.
    pub at: Addr,
}

impl Call<'_> {
    /// Whether a `task_struct` is the current task's.
    fn is_current(&self, task: u64) -> Result<bool, HelperError> {
        let holder = self.world.machine.holders.get(Addr(task));
        match holder {
            Some(Holder {
                kind: HolderKind::Task,
                number,
            }) => Ok(number == u64::from(self.world.task.pid)),
            Some(_) | None => Err(HelperError::Refused("the argument is no task")),
        }
    }
}

/// `long bpf_get_task_stack(struct task_struct *task, void *buf, u32 size, u64 flags)`
fn get_task_stack(call: &mut Call<'_>) -> Reply {
    let [task, buf, size, flags, _] = call.args;
    let hook = call.world.hook;
    if call.is_current(task)? {
        return stacks::copy_stack(call, (buf, size as u32), flags, stacks::Whose::Current);
    }
    match flags & stacks::USER_STACK {
        0 => stacks::copy_stack(
            call,
            (buf, size as u32),
            flags,
            stacks::Whose::Other(hook.sleeping_stack),
        ),
        _ => {
            let zeros = vec![0; size as u32 as usize];
            call.check_room(buf, zeros.len())?;
            call.memory().write(Addr(buf), &zeros)?;
            Ok(Errno::EOPNOTSUPP.as_return())
        }
    }
}

/// `long bpf_task_pt_regs(struct task_struct *task)`
fn task_pt_regs(call: &mut Call<'_>) -> Reply {
    let hook = call.world.hook;
    let regs = match call.is_current(call.args[0])? {
        true => hook.user_regs,
        false => hook.sleeping_regs,
    };
    let regs = regs.ok_or(HelperError::Refused("this run has no registers"))?;
    Ok(regs.0)
}

/// `long bpf_find_vma(struct task_struct *task, u64 addr, void *callback_fn, void *callback_ctx, u64 flags)`
fn find_vma(call: &mut Call<'_>) -> Reply {
    let [task, addr, callback, data, flags] = call.args;
    if flags != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let vmas: &[Vma] = match call.is_current(task)? {
        true => call.world.hook.vmas,
        false => &[],
    };
    let mut around = vmas
        .iter()
        .filter(|vma| (vma.start..vma.end).contains(&addr));
    let Some(vma) = around.next() else {
        return Ok(Errno::ENOENT.as_return());
    };
    call.engine
        .callback(callback, [task, vma.at.0, data, 0, 0])?;
    Ok(0)
}
