//! The way of an `execve` through Linux 6.12 (`fs/exec.c`, `fs/binfmt_elf.c`): what is certain of it
//! on every file system, in order.

use std::sync::Arc;

use crate::machine::{Comm, Task};

use super::event::Execve;
use super::values::AT_FDCWD;
use super::{Function, Given, Passage, Values, syscall};

/// The hooks of a process that starts another program.
pub(super) fn passage(event: &Execve, task: &Arc<Task>) -> Passage {
    let base = event.filename.rsplit('/').next().unwrap_or(&event.filename);
    let after = Task {
        comm: Comm::new(base),
        filename: event.filename.clone(),
        args: event.argv.clone(),
        ..(**task).clone()
    };
    let mut passage = Passage::new(Arc::clone(task), values(event, task, base));
    syscall::around(&mut passage, "execve", 0, |passage| {
        passage.call(Function::plain("getname"), 0, |_| {});
        passage.call(Function::plain("do_execveat_common"), 0, |passage| {
            common(passage, after)
        });
    });
    passage
}

fn values(event: &Execve, task: &Task, base: &str) -> Values {
    let pid = Given::Number(u64::from(task.pid));
    Values::default()
        .with("filename", Given::Text(event.filename.clone()))
        .with("interp", Given::Text(event.filename.clone()))
        .with("argv", Given::List(event.argv.clone()))
        .with("envp", Given::List(event.envp.clone()))
        .with("fd", Given::Number(AT_FDCWD))
        .with("pid", pid.clone())
        .with("old_pid", pid)
        .with("oldcomm", Given::Text(task.comm.to_string()))
        .with("newcomm", Given::Text(base.to_owned()))
}

fn common(passage: &mut Passage, after: Task) {
    passage.call(Function::plain("alloc_bprm"), 0, |passage| {
        passage.call(Function::plain("do_open_execat"), 0, |passage| {
            passage.call(Function::plain("do_filp_open"), 0, |passage| {
                passage.call(Function::plain("security_file_open"), 0, |passage| {
                    passage.lsm("file_open")
                });
            });
        });
    });
    passage.call(Function::plain("bprm_execve"), 0, |passage| {
        gate(
            passage,
            "security_bprm_creds_for_exec",
            "bprm_creds_for_exec",
        );
        gate(passage, "security_bprm_check", "bprm_check_security");
        passage.call(Function::plain("load_elf_binary"), 0, |passage| {
            load(passage, after)
        });
        passage.trace("sched", "sched_process_exec");
    });
}

fn load(passage: &mut Passage, after: Task) {
    passage.call(Function::plain("begin_new_exec"), 0, |passage| {
        gate(
            passage,
            "security_bprm_creds_from_file",
            "bprm_creds_from_file",
        );
        passage.trace("sched", "sched_prepare_exec");
        passage.trace("task", "task_rename");
        passage.become_task(after);
        gate(
            passage,
            "security_bprm_committing_creds",
            "bprm_committing_creds",
        );
        gate(
            passage,
            "security_bprm_committed_creds",
            "bprm_committed_creds",
        );
    });
    passage.call(Function::plain("setup_new_exec"), 0, |_| {});
    passage.call(Function::plain("finalize_exec"), 0, |_| {});
}

/// A question to the security modules, with the function that asks it.
fn gate(passage: &mut Passage, function: &str, hook: &str) {
    passage.call(Function::plain(function), 0, |passage| passage.lsm(hook));
}
