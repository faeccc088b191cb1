//! The way of a system call: the tracepoints and entry function that every one has, and of a few
//! what is inside.

use std::sync::Arc;

use crate::abi::tracepoints::{self, Syscall};
use crate::machine::Task;

use super::event::SyscallEvent;
use super::values::AT_FDCWD;
use super::{EventError, Function, Given, Passage, Point, Values};

/// The hooks of a system call.
pub(super) fn passage(event: &SyscallEvent, task: &Arc<Task>) -> Result<Passage, EventError> {
    let call =
        tracepoints::syscall_by_name(&event.name).ok_or_else(|| EventError::UnknownEvent {
            name: event.name.clone(),
            known: "the system calls of Linux 6.12 on x86-64".to_owned(),
        })?;
    let values = values(event, &call);
    let result = event
        .result
        .unwrap_or_else(|| usual_result(call.name, &values, task));
    let mut passage = Passage::new(Arc::clone(task), values);
    around(&mut passage, call.name, result, |passage| {
        inside(passage, call.name, result, task)
    });
    if NEVER_RETURN.contains(&call.name) {
        passage.drop_returns();
    }
    Ok(passage)
}

const NEVER_RETURN: [&str; 2] = ["exit", "exit_group"];

/// What every system call passes, around what is its own.
pub(super) fn around(
    passage: &mut Passage,
    name: &str,
    result: i64,
    inside: impl FnOnce(&mut Passage),
) {
    let call = tracepoints::syscall_by_name(name);
    let event = call.as_ref().map_or(name, |call| call.event);
    let start = passage.len();
    passage.set_syscall(event);
    passage.trace("raw_syscalls", "sys_enter");
    passage.record("syscalls", &format!("sys_enter_{event}"));
    passage.call(Function::of_syscall(event), result, inside);
    let raw = Point::RawTracepoint {
        name: "sys_exit".to_owned(),
    };
    passage.back(raw, start, result);
    for (category, name) in [
        ("raw_syscalls", "sys_exit".to_owned()),
        ("syscalls", format!("sys_exit_{event}")),
    ] {
        passage.back(
            Point::Tracepoint {
                category: category.to_owned(),
                name,
            },
            start,
            result,
        );
    }
    passage.set_result(result);
}

/// Arguments by name: those given, and defaults for those that would be nonsense as 0.
fn values(event: &SyscallEvent, call: &Syscall) -> Values {
    let mut values = Values::default();
    for (name, type_name) in &call.args {
        match event.args.get(*name) {
            Some(text) if type_name.contains("char *") => {
                values = values.with(name, Given::Text(text.clone()));
            }
            Some(text) => values.add_text(name, text),
            None if *name == "dfd" => values = values.with(name, Given::Number(AT_FDCWD)),
            None => {}
        }
    }
    values
}

/// What a system call returns that does what it should.
fn usual_result(name: &str, values: &Values, task: &Task) -> i64 {
    const FIRST_FREE_DESCRIPTOR: i64 = 3;
    match name {
        "open" | "openat" | "openat2" | "creat" | "socket" | "accept" | "accept4" | "dup"
        | "epoll_create1" | "bpf" | "memfd_create" | "perf_event_open" => FIRST_FREE_DESCRIPTOR,
        "read" | "write" | "pread64" | "pwrite64" => {
            values.number("count").unwrap_or(0).cast_signed()
        }
        "getpid" => i64::from(task.tgid),
        "gettid" => i64::from(task.pid),
        "getppid" => i64::from(task.ppid),
        "getuid" | "geteuid" => i64::from(task.uid),
        "getgid" | "getegid" => i64::from(task.gid),
        "clone" | "clone3" | "fork" | "vfork" => i64::from(child_pid(task)),
        _ => 0,
    }
}

/// The pid that a child gets.
pub(super) fn child_pid(task: &Task) -> u32 {
    task.pid.saturating_add(1)
}

/// What is certain inside of a system call.
fn inside(passage: &mut Passage, name: &str, result: i64, task: &Task) {
    let plain = Function::plain;
    match name {
        "open" | "openat" | "openat2" | "creat" => {
            passage.call(plain("do_sys_openat2"), result, |passage| {
                passage.call(plain("do_filp_open"), 0, |passage| {
                    gate(passage, "security_file_open", "file_open")
                });
            });
        }
        "read" | "write" => {
            passage.call(plain(&format!("ksys_{name}")), result, |passage| {
                passage.call(plain(&format!("vfs_{name}")), result, |passage| {
                    gate(passage, "security_file_permission", "file_permission");
                });
            });
        }
        "unlink" | "unlinkat" => {
            passage.call(plain("do_unlinkat"), result, |passage| {
                gate(passage, "security_path_unlink", "path_unlink");
                passage.call(plain("vfs_unlink"), result, |passage| {
                    gate(passage, "security_inode_unlink", "inode_unlink")
                });
            });
        }
        "socket" => gate(passage, "security_socket_create", "socket_create"),
        "connect" => gate(passage, "security_socket_connect", "socket_connect"),
        "bind" => gate(passage, "security_socket_bind", "socket_bind"),
        "listen" => gate(passage, "security_socket_listen", "socket_listen"),
        "kill" | "tkill" | "tgkill" => gate(passage, "security_task_kill", "task_kill"),
        "bpf" => gate(passage, "security_bpf", "bpf"),
        "clone" | "clone3" | "fork" | "vfork" => clone(passage, result, task),
        "exit" | "exit_group" => {
            passage.call(plain("do_exit"), 0, |passage| {
                passage.trace("sched", "sched_process_exit")
            });
        }
        _ => {}
    }
}

fn clone(passage: &mut Passage, result: i64, task: &Task) {
    let number = |number: u32| Given::Number(u64::from(number));
    let comm = Given::Text(task.comm.to_string());
    let child = child_pid(task);
    passage.values = std::mem::take(&mut passage.values)
        .with("parent_comm", comm.clone())
        .with("child_comm", comm)
        .with("parent_pid", number(task.pid))
        .with("child_pid", number(child));
    passage.call(Function::plain("kernel_clone"), result, |passage| {
        passage.call(Function::plain("copy_process"), 0, |passage| {
            gate(passage, "security_task_alloc", "task_alloc");
        });
        passage.trace("sched", "sched_process_fork");
        passage.call(Function::plain("wake_up_new_task"), 0, |passage| {
            passage.trace("sched", "sched_wakeup_new")
        });
    });
}

/// A question to the security modules, with the function that asks it.
fn gate(passage: &mut Passage, function: &str, hook: &str) {
    passage.call(Function::plain(function), 0, |passage| passage.lsm(hook));
}
