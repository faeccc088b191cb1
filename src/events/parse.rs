//! Events by name and text, as a command line gives them.

use std::collections::BTreeMap;

use crate::abi::tracepoints;

use super::event::{Event, Execve, HookEvent, IterateEvent, SyscallEvent};
use super::{EventError, Place, PlaceEvent, single, sleep, values};

/// Names other than system calls and single hooks.
const NAMED: [(&str, &str); 7] = [
    (
        "execve",
        "a process starts another program (filename, argv0 to argv9)",
    ),
    (
        "SYSCALL",
        "any system call of Linux 6.12 by name, such as openat (its arguments by name, ret)",
    ),
    (
        "TRACEPOINT",
        "any other tracepoint by its name alone, such as sched_switch (its fields by name)",
    ),
    (
        "sleep:TIME",
        "nothing happens for so long, such as 50ms: timers fire",
    ),
    (
        "iter:OBJECTS",
        "somebody reads iterators over task, tcp, udp, bpf_map or bpf_map_elem (map, by name)",
    ),
    (
        "syscall:PROGRAM",
        "somebody calls that program of the section syscall (ctx, as text or hex:BYTES)",
    ),
    (
        "SECTION",
        "what programs of a section are for, such as cgroup/connect4, sockops, sk_msg, lirc_mode2 (fields of \
         their context by name; sockets as tcp:ADDRESS:PORT, data as text or hex:BYTES)",
    ),
];

impl Event {
    /// The event of that name, told these arguments: `execve`, a system call, or a single hook such
    /// as `kprobe:do_unlinkat`. Packets have no name.
    ///
    /// # Errors
    /// No event has the name, or it does not take an argument or a value.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(
        name: &str,
        args: &[(K, V)],
    ) -> Result<Event, EventError> {
        let args: BTreeMap<String, String> = args
            .iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
            .collect();
        match name {
            "execve" => parse_execve(&args),
            "exit" => Event::parse_syscall("exit_group", args),
            "fork" => Event::parse_syscall("clone", args),
            _ if let Some((sleep::PREFIX, time)) = name.split_once(':') => {
                check_args(name, &args, |_| false, "none")?;
                sleep::parse(time).map(Event::Sleep)
            }
            _ if let Some(("iter", target)) = name.split_once(':') => {
                check_args(name, &args, |arg| arg == "map", "map")?;
                Ok(Event::Iterate(IterateEvent {
                    target: target.to_owned(),
                    map: args.get("map").cloned(),
                }))
            }
            _ if let Some(place) = Place::of_section(name) => {
                let event = PlaceEvent { place, args };
                event.check()?;
                Ok(Event::Place(event))
            }
            _ if name.contains(':') => parse_hook(name, args),
            _ if tracepoints::syscall_by_name(name).is_none() => parse_tracepoint(name, args),
            _ => Event::parse_syscall(name, args),
        }
    }

    /// Names of events and forms of names, with what each is, for a help text.
    pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
        NAMED.into_iter().chain(single::KINDS)
    }

    fn parse_syscall(name: &str, args: BTreeMap<String, String>) -> Result<Event, EventError> {
        let call = tracepoints::syscall_by_name(name).ok_or_else(|| EventError::UnknownEvent {
            name: name.to_owned(),
            known: known_names(),
        })?;
        let takes: Vec<&str> = call
            .args
            .iter()
            .map(|(name, _)| *name)
            .chain(["ret"])
            .collect();
        check_args(
            call.name,
            &args,
            |arg| takes.contains(&arg),
            &takes.join(", "),
        )?;
        for (arg, type_name) in &call.args {
            let text = args.get(*arg).filter(|_| !type_name.contains('*'));
            text.map_or(Ok(0), |text| number(call.name, arg, text))?;
        }
        let result = args
            .get("ret")
            .map(|text| number(call.name, "ret", text))
            .transpose()?;
        Ok(Event::Syscall(SyscallEvent {
            name: call.name.to_owned(),
            args,
            result: result.map(u64::cast_signed),
        }))
    }
}

fn parse_execve(args: &BTreeMap<String, String>) -> Result<Event, EventError> {
    const FILENAME: &str = "filename";
    const ARGS: usize = 10;
    let position = |arg: &str| {
        let index: usize = arg.strip_prefix("argv")?.parse().ok()?;
        (index < ARGS && arg.len() == 5).then_some(index)
    };
    let takes = |arg: &str| arg == FILENAME || position(arg).is_some();
    check_args("execve", args, takes, "filename, argv0 to argv9")?;
    let filename = args.get(FILENAME).map_or("/bin/ls", String::as_str);
    let mut argv = vec![filename.to_owned()];
    for (arg, text) in args {
        let Some(index) = position(arg) else { continue };
        argv.resize(argv.len().max(index + 1), String::new());
        if let Some(slot) = argv.get_mut(index) {
            text.clone_into(slot);
        }
    }
    Ok(Event::Execve(Execve {
        filename: filename.to_owned(),
        argv,
        envp: Vec::new(),
    }))
}

/// A tracepoint by its name alone.
fn parse_tracepoint(name: &str, args: BTreeMap<String, String>) -> Result<Event, EventError> {
    let found = tracepoints::events()
        .find(|event| event.name == name)
        .ok_or_else(|| EventError::UnknownEvent {
            name: name.to_owned(),
            known: known_names(),
        })?;
    parse_hook(&format!("tracepoint:{}/{name}", found.category), args)
}

fn parse_hook(name: &str, args: BTreeMap<String, String>) -> Result<Event, EventError> {
    let (kind, target) = name.split_once(':').unwrap_or((name, ""));
    if !single::is_kind(kind) || target.is_empty() {
        return Err(EventError::UnknownEvent {
            name: name.to_owned(),
            known: known_names(),
        });
    }
    if let ("tracepoint" | "tp", Some((category, event))) = (kind, target.split_once('/')) {
        let found = tracepoints::find(category, event).ok_or_else(|| EventError::NoLayout {
            hook: name.to_owned(),
            reason: "no tracepoint of Linux 6.12 that is known has this name".to_owned(),
        })?;
        let takes: Vec<&str> = found.fields.iter().map(|field| field.name).collect();
        check_args(name, &args, |arg| takes.contains(&arg), &takes.join(", "))?;
    }
    Ok(Event::Hook(HookEvent {
        hook: name.to_owned(),
        args,
    }))
}

fn check_args(
    event: &str,
    args: &BTreeMap<String, String>,
    takes: impl Fn(&str) -> bool,
    known: &str,
) -> Result<(), EventError> {
    match args.keys().find(|arg| !takes(arg)) {
        None => Ok(()),
        Some(arg) => Err(EventError::UnknownArg {
            event: event.to_owned(),
            arg: arg.clone(),
            known: known.to_owned(),
        }),
    }
}

fn number(event: &str, arg: &str, text: &str) -> Result<u64, EventError> {
    values::number(text).ok_or_else(|| EventError::BadValue {
        event: event.to_owned(),
        arg: arg.to_owned(),
        value: text.to_owned(),
        wanted: "a number",
    })
}

fn known_names() -> String {
    let names: Vec<_> = Event::known().map(|(name, _)| name).collect();
    names.join(", ")
}
