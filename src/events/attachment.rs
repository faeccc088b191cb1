//! Which hooks a program is attached to, as its type and section say.
//!
//! It attaches nothing: a program is asked at each [`Point`] whether it runs there.

use crate::abi::sections::{self, SectionKind};
use crate::abi::tracepoints;
use crate::abi::{AttachType, ProgType};
use crate::btf::essential_name;
use crate::object::{Initial, Program};

use super::place::is_place;
use super::{Function, Point};

/// What a program is attached to. A target that is `None` was not named: such a program runs
/// only when an event names a hook of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A raw tracepoint, with untyped arguments.
    RawTracepoint(Option<String>),
    /// A raw tracepoint, with typed arguments.
    TypedTracepoint(Option<String>),
    /// A tracepoint's record, by category and name.
    Tracepoint(Option<(String, String)>),
    /// Entry of functions whose names match a pattern.
    Kprobe(Option<String>),
    /// Return of functions whose names match a pattern.
    Kretprobe(Option<String>),
    /// Entry and return of functions whose names match a pattern.
    KprobeSession(Option<String>),
    /// Entry of a system call.
    Ksyscall(Option<String>),
    /// Return of a system call.
    Kretsyscall(Option<String>),
    /// Entry of a function, with typed arguments.
    Fentry(Option<String>),
    /// Return of a function, with typed arguments.
    Fexit(Option<String>),
    /// A function's return value, to be replaced.
    ModifyReturn(Option<String>),
    /// A question to security modules.
    Lsm(Option<String>),
    /// A static probe of an executable: path, provider and name.
    Usdt(Option<(String, String, String)>),
    /// A driver's frames.
    Xdp,
    /// Traffic control on the way in, or on the way out.
    Tc {
        /// Which way, if the section says.
        egress: Option<bool>,
    },
    /// A packet socket.
    Socket,
    /// Sockets of a cgroup.
    CgroupSkb {
        /// Which way, if the section says.
        egress: Option<bool>,
    },
    /// What programs of that type are for that no other event reaches, and for which attachment.
    Place(ProgType, Option<AttachType>, String),
    /// Operations of a structure, each by its map and member.
    Operations {
        /// The kernel's name of the structure.
        structure: String,
        /// What it is in each map.
        members: Vec<(String, String)>,
    },
    /// Objects of the kernel, one after the other.
    Iterator(String),
    /// A function of another program.
    Program,
    /// Nothing that events reach.
    Unmodelled,
}

impl Attachment {
    /// What a program is attached to.
    pub fn of(program: &Program) -> Attachment {
        let target = program
            .attach_target
            .clone()
            .filter(|target| !target.is_empty());
        match program.prog_type {
            _ if program.attach_program.is_some() => Attachment::Program,
            ProgType::Kprobe => probe(program, target),
            ProgType::Tracepoint => Attachment::Tracepoint(target.as_deref().and_then(|target| {
                let (category, name) = sections::tracepoint_target(target)?;
                Some((category.to_owned(), name.to_owned()))
            })),
            ProgType::RawTracepoint | ProgType::RawTracepointWritable => {
                Attachment::RawTracepoint(target)
            }
            ProgType::Tracing => tracing(program.attach_type, target),
            ProgType::Lsm if program.attach_type != Some(AttachType::LsmCgroup) => {
                Attachment::Lsm(target)
            }
            ProgType::Xdp => match program.attach_type {
                None | Some(AttachType::Xdp) => Attachment::Xdp,
                Some(_) => Attachment::Unmodelled,
            },
            ProgType::SchedCls | ProgType::SchedAct => tc(program.attach_type),
            ProgType::SocketFilter => Attachment::Socket,
            ProgType::CgroupSkb => cgroup_skb(program.attach_type),
            ProgType::StructOps => operations(program),
            prog_type if is_place(prog_type) => Attachment::Place(
                prog_type,
                program.attach_type,
                program.section.trim_start_matches('?').to_owned(),
            ),
            _ => Attachment::Unmodelled,
        }
    }

    /// Whether a program attached so runs at a point; `named` is whether the event names that very
    /// point, which also reaches programs that name no target.
    pub fn runs_at(&self, point: &Point, named: Named) -> bool {
        let is = |target: &Option<String>, name: &str| match target {
            Some(target) => target == name,
            None => named == Named::Yes,
        };
        let matches = |target: &Option<String>, function: &Function| match target {
            Some(target) => function_matches(target, function),
            None => named == Named::Yes,
        };
        let calls = |target: &Option<String>, function: &Function| {
            target.is_some() && function.syscall.is_some() && *target == function.syscall
        };
        match (self, point) {
            (
                Attachment::RawTracepoint(target) | Attachment::TypedTracepoint(target),
                Point::RawTracepoint { name },
            ) => is(target, name),
            (Attachment::Tracepoint(Some(target)), Point::Tracepoint { category, name }) => {
                target.0 == *category && target.1 == *name
            }
            (Attachment::Tracepoint(None), Point::Tracepoint { .. }) => named == Named::Yes,
            (
                Attachment::Kprobe(target) | Attachment::KprobeSession(target),
                Point::Entry(function),
            )
            | (
                Attachment::Kretprobe(target) | Attachment::KprobeSession(target),
                Point::Return(function),
            ) => matches(target, function),
            (Attachment::Ksyscall(target), Point::Entry(function))
            | (Attachment::Kretsyscall(target), Point::Return(function)) => calls(target, function),
            (
                Attachment::Fentry(target) | Attachment::ModifyReturn(target),
                Point::Entry(function),
            )
            | (Attachment::Fexit(target), Point::Return(function)) => is(target, &function.name),
            (Attachment::Lsm(target), Point::Lsm { hook }) => is(target, hook),
            (
                Attachment::Usdt(target),
                Point::Usdt {
                    path,
                    provider,
                    name,
                },
            ) => match target {
                Some(target) => (&target.0, &target.1, &target.2) == (path, provider, name),
                None => named == Named::Yes,
            },
            (Attachment::Place(prog_type, attach_type, _), Point::Place(place)) => {
                (*prog_type, *attach_type) == (place.prog_type, place.attach_type)
            }
            (Attachment::Operations { members, .. }, Point::Operation { map, member }) => members
                .iter()
                .any(|(own_map, own)| own_map == map && own == member),
            (Attachment::Xdp, Point::Xdp) | (Attachment::Socket, Point::Socket) => true,
            (Attachment::Tc { egress }, Point::TcIngress)
            | (Attachment::CgroupSkb { egress }, Point::CgroupIngress) => *egress != Some(true),
            (Attachment::Tc { egress }, Point::TcEgress)
            | (Attachment::CgroupSkb { egress }, Point::CgroupEgress) => *egress != Some(false),
            _ => false,
        }
    }

    /// Whether it goes through objects of that kind.
    pub fn iterates(&self, target: &str) -> bool {
        matches!(self, Attachment::Iterator(own) if own == target)
    }

    /// What would reach a program attached so, as an option of the command.
    pub fn needs(&self) -> String {
        let named = |kind: &str, target: &Option<String>| match target {
            Some(target) => format!("--event {kind}:{target}"),
            None => format!("--event {kind}:NAME"),
        };
        match self {
            Attachment::RawTracepoint(target) | Attachment::TypedTracepoint(target) => {
                match target.as_deref() {
                    Some("sys_enter" | "sys_exit") => {
                        "any system call, such as --event execve".to_owned()
                    }
                    Some("sched_process_exec" | "sched_prepare_exec" | "task_rename") => {
                        "--event execve".to_owned()
                    }
                    Some("sched_process_exit") => "--event exit_group".to_owned(),
                    Some("sched_process_fork" | "sched_wakeup_new") => "--event clone".to_owned(),
                    Some(_) | None => named("raw_tp", target),
                }
            }
            Attachment::Tracepoint(Some((category, name))) => needs_tracepoint(category, name),
            Attachment::Tracepoint(None) => "--event tracepoint:CATEGORY/NAME".to_owned(),
            Attachment::Kprobe(target)
            | Attachment::KprobeSession(target)
            | Attachment::Fentry(target)
            | Attachment::ModifyReturn(target) => needs_function("kprobe", target),
            Attachment::Kretprobe(target) | Attachment::Fexit(target) => {
                needs_function("kretprobe", target)
            }
            Attachment::Ksyscall(target) | Attachment::Kretsyscall(target) => {
                format!("--event {}", target.as_deref().unwrap_or("SYSCALL"))
            }
            Attachment::Lsm(target) => match target.as_deref() {
                Some(hook) if hook.starts_with("bprm_") => "--event execve".to_owned(),
                Some("file_open") => "--event openat".to_owned(),
                Some(_) | None => named("lsm", target),
            },
            Attachment::Tc { egress: Some(true) }
            | Attachment::CgroupSkb { egress: Some(true) } => {
                "a packet: --data FILE --direction egress".to_owned()
            }
            Attachment::Xdp
            | Attachment::Socket
            | Attachment::Tc { .. }
            | Attachment::CgroupSkb { .. } => "a packet: --data FILE".to_owned(),
            Attachment::Usdt(Some((path, provider, name))) => {
                format!("--event usdt:{path}:{provider}:{name}")
            }
            Attachment::Usdt(None) => "--event usdt:FILE:PROVIDER:NAME".to_owned(),
            Attachment::Place(.., section) => format!("--event {section}"),
            Attachment::Operations { members, .. } => match members.first() {
                Some((map, member)) => format!("--event struct_ops:{map}.{member}"),
                None => "a map of a structure that has it".to_owned(),
            },
            Attachment::Iterator(target) => format!("--event iter:{target}"),
            Attachment::Program => "tracing of programs, which is not supported yet".to_owned(),
            Attachment::Unmodelled => "an event that is not supported yet".to_owned(),
        }
    }
}

/// The operations that a program is, in the maps of its object.
fn operations(program: &Program) -> Attachment {
    let (mut structure, mut members) = (String::new(), Vec::new());
    for map in program.maps.iter() {
        let (Initial::StructOps(table), Some(btf)) = (&map.initial, &program.btf) else {
            continue;
        };
        let ty = btf.ty(table.ty);
        let own = table
            .members
            .iter()
            .filter(|(_, name)| *name == program.name);
        for (index, _) in own {
            let all = ty.composite().map(|one| one.members);
            let member = all.and_then(|all| all.iter().nth(*index as usize));
            if let Some(member) = member {
                essential_name(ty.name()).clone_into(&mut structure);
                members.push((map.name.clone(), member.name.to_owned()));
            }
        }
    }
    Attachment::Operations { structure, members }
}

/// Whether an event names the very hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// It passes it on its way.
    No,
    /// It is about that hook.
    Yes,
}

fn probe(program: &Program, target: Option<String>) -> Attachment {
    let section = sections::parse(&program.section);
    let kind = section.map_or(SectionKind::Kprobe, |section| section.kind);
    match kind {
        SectionKind::Plain | SectionKind::Kprobe | SectionKind::KprobeMulti => {
            Attachment::Kprobe(target)
        }
        SectionKind::Kretprobe | SectionKind::KretprobeMulti => Attachment::Kretprobe(target),
        SectionKind::KprobeSession => Attachment::KprobeSession(target),
        SectionKind::Ksyscall => Attachment::Ksyscall(target),
        SectionKind::Kretsyscall => Attachment::Kretsyscall(target),
        SectionKind::Uprobe
        | SectionKind::Uretprobe
        | SectionKind::UprobeMulti
        | SectionKind::UretprobeMulti => Attachment::Unmodelled,
        SectionKind::Usdt => Attachment::Usdt(target.as_deref().and_then(|target| {
            let (path, provider, name) = sections::usdt_target(target)?;
            Some((path.to_owned(), provider.to_owned(), name.to_owned()))
        })),
    }
}

fn tracing(attach_type: Option<AttachType>, target: Option<String>) -> Attachment {
    match attach_type {
        Some(AttachType::TraceRawTp) => Attachment::TypedTracepoint(target),
        Some(AttachType::TraceFentry) => Attachment::Fentry(target),
        Some(AttachType::TraceFexit) => Attachment::Fexit(target),
        Some(AttachType::ModifyReturn) => Attachment::ModifyReturn(target),
        Some(AttachType::TraceIter) => Attachment::Iterator(target.unwrap_or_default()),
        _ => Attachment::Unmodelled,
    }
}

fn tc(attach_type: Option<AttachType>) -> Attachment {
    let egress = match attach_type {
        Some(AttachType::TcxIngress) => Some(false),
        Some(AttachType::TcxEgress) => Some(true),
        Some(AttachType::NetkitPrimary | AttachType::NetkitPeer) => return Attachment::Unmodelled,
        _ => None,
    };
    Attachment::Tc { egress }
}

fn cgroup_skb(attach_type: Option<AttachType>) -> Attachment {
    let egress = match attach_type {
        Some(AttachType::CgroupInetIngress) => Some(false),
        Some(AttachType::CgroupInetEgress) => Some(true),
        _ => None,
    };
    Attachment::CgroupSkb { egress }
}

/// Whether a kprobe's target means a function: its name with or without an offset, a pattern, or a
/// name that the function has had in other kernels and configurations.
fn function_matches(target: &str, function: &Function) -> bool {
    let name = target.split_once('+').map_or(target, |(name, _)| name);
    if glob(name.as_bytes(), function.name.as_bytes()) {
        return true;
    }
    let old = |syscall: &String| {
        ["sys_", "SyS_", "__se_sys_", "__do_sys_"]
            .iter()
            .any(|prefix| name.strip_prefix(prefix) == Some(syscall.as_str()))
    };
    let part = name
        .split_once('.')
        .filter(|(_, suffix)| suffix.starts_with("isra.") || suffix.starts_with("constprop."));
    function.syscall.as_ref().is_some_and(old)
        || part.is_some_and(|(base, _)| base == function.name)
}

/// Whether a name matches a pattern of `*` and `?`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from, mut retry) = (0, 0, None);
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || name.get(from) == Some(byte) => {
                at += 1;
                from += 1;
            }
            _ => match retry {
                Some((star, matched)) => {
                    retry = Some((star, matched + 1));
                    at = star + 1;
                    from = matched + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

fn needs_tracepoint(category: &str, name: &str) -> String {
    let syscall = name
        .strip_prefix("sys_enter_")
        .or(name.strip_prefix("sys_exit_"));
    match (category, name, syscall) {
        ("syscalls", _, Some(event)) => {
            let call = tracepoints::syscall_by_name(event);
            format!("--event {}", call.map_or(event, |call| call.name))
        }
        ("raw_syscalls", ..) => "any system call, such as --event execve".to_owned(),
        ("sched", "sched_process_exec" | "sched_prepare_exec", _) | ("task", "task_rename", _) => {
            "--event execve".to_owned()
        }
        ("sched", "sched_process_exit", _) => "--event exit_group".to_owned(),
        ("sched", "sched_process_fork" | "sched_wakeup_new", _) => "--event clone".to_owned(),
        _ => format!("--event tracepoint:{category}/{name}"),
    }
}

fn needs_function(kind: &str, target: &Option<String>) -> String {
    let Some(target) = target else {
        return format!("--event {kind}:NAME");
    };
    let name = target
        .split_once('+')
        .map_or(target.as_str(), |(name, _)| name);
    let call = name
        .strip_prefix("__x64_sys_")
        .and_then(tracepoints::syscall_by_name);
    match call {
        Some(call) => format!("--event {}", call.name),
        None => format!("--event {kind}:{name}"),
    }
}
