//! One hook alone, by kind and name, with the arguments that it is told.

use std::sync::Arc;

use crate::abi::tracepoints;
use crate::machine::Task;

use super::event::HookEvent;
use super::{EventError, Function, Passage, Point, Values};

/// Kinds of hooks that can be named, with the form of their names.
pub(super) const KINDS: [(&str, &str); 8] = [
    (
        "kprobe:FUNCTION",
        "a function of the kernel is entered and returns (arguments arg0 to arg5, ret)",
    ),
    (
        "kretprobe:FUNCTION",
        "a function of the kernel returns (ret)",
    ),
    (
        "tracepoint:CATEGORY/NAME",
        "a tracepoint, in all its forms; its fields as arguments",
    ),
    (
        "raw_tp:NAME",
        "a raw tracepoint, typed or not, its arguments by the kernel's names",
    ),
    (
        "lsm:HOOK",
        "security modules are asked, arguments by the kernel's names",
    ),
    (
        "fentry:FUNCTION",
        "as kprobe, arguments by the kernel's names",
    ),
    ("tp_btf:NAME", "as raw_tp"),
    (
        "struct_ops:MAP.MEMBER",
        "the kernel calls an operation of a structure (arguments arg0 to arg5 or by the structure they point to, \
         their members as sk.snd_cwnd)",
    ),
];

/// The hooks that a name stands for.
pub(super) fn passage(event: &HookEvent, task: &Arc<Task>) -> Result<Passage, EventError> {
    let mut values = Values::default();
    for (name, text) in &event.args {
        values.add_text(name, text);
    }
    let returns = values.number("ret").unwrap_or(0).cast_signed();
    let mut passage = Passage::new(Arc::clone(task), values);
    passage.set_named();
    let (kind, name) = event.hook.split_once(':').unwrap_or((&event.hook, ""));
    let function = || match name.strip_prefix("__x64_sys_") {
        Some(syscall) => Function::of_syscall(syscall),
        None => Function::plain(name),
    };
    let call = name
        .strip_prefix("__x64_sys_")
        .or(name.strip_prefix("syscalls/sys_enter_"));
    if let Some(call) = call {
        passage.set_syscall(call);
    }
    match kind {
        _ if name.is_empty() => return Err(unknown(event)),
        "kprobe" | "fentry" | "fexit" | "fmod_ret" => passage.call(function(), returns, |_| {}),
        "kretprobe" => passage.back(Point::Return(function()), 0, returns),
        "tracepoint" | "tp" => {
            let (category, name) = name.split_once('/').ok_or_else(|| unknown(event))?;
            match category {
                "syscalls" => passage.record(category, name),
                _ => passage.trace(category, name),
            }
        }
        "raw_tp" | "raw_tracepoint" | "tp_btf" => {
            match tracepoints::events().find(|event| event.name == name) {
                Some(event) => passage.trace(event.category, name),
                None => passage.pass(Point::RawTracepoint {
                    name: name.to_owned(),
                }),
            }
        }
        "lsm" => {
            passage.lsm(name);
            passage.set_result(0);
        }
        "struct_ops" => {
            let (map, member) = name.split_once('.').ok_or_else(|| unknown(event))?;
            passage.pass(Point::Operation {
                map: map.to_owned(),
                member: member.to_owned(),
            });
        }
        _ => return Err(unknown(event)),
    }
    Ok(passage)
}

fn unknown(event: &HookEvent) -> EventError {
    let known: Vec<_> = KINDS.iter().map(|(form, _)| *form).collect();
    EventError::UnknownEvent {
        name: event.hook.clone(),
        known: known.join(", "),
    }
}

/// Whether a kind of hook has that name.
pub(super) fn is_kind(kind: &str) -> bool {
    matches!(
        kind,
        "kprobe"
            | "kretprobe"
            | "fentry"
            | "fexit"
            | "fmod_ret"
            | "tracepoint"
            | "tp"
            | "raw_tp"
            | "raw_tracepoint"
            | "tp_btf"
            | "lsm"
            | "struct_ops"
    )
}
