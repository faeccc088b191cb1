//! The hooks that an event passes, one after the other, and what a denial skips.
//!
//! Rules:
//! - A denial at a hook that may deny, and a return value that replaces a function's own, end what
//!   is under way: of the hooks that follow, only the returns from what was entered are passed.
//! - Those returns see the denial's value; returns that came earlier saw their own.

use std::fmt;
use std::sync::Arc;

use crate::abi::ProgType;
use crate::helpers::RunState;
use crate::machine::Task;

use super::{Attachment, Named, Packet, Place, UsdtEvent, Values, packet};

/// A place in the kernel that programs may be attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// A tracepoint with its arguments as they are.
    RawTracepoint {
        /// Its name: `sys_enter`.
        name: String,
    },
    /// A tracepoint with a record.
    Tracepoint {
        /// Its category: `syscalls`.
        category: String,
        /// Its name: `sys_enter_execve`.
        name: String,
    },
    /// A function is entered.
    Entry(Function),
    /// A function returns.
    Return(Function),
    /// Security modules are asked.
    Lsm {
        /// The hook: `bprm_check_security`.
        hook: String,
    },
    /// A static probe of an executable.
    Usdt {
        /// The executable's path.
        path: String,
        /// Who provides the probe.
        provider: String,
        /// Its name.
        name: String,
    },
    /// A driver hands a frame over.
    Xdp,
    /// Traffic control, on the way in.
    TcIngress,
    /// Traffic control, on the way out.
    TcEgress,
    /// A packet socket gets a copy.
    Socket,
    /// A socket of a cgroup receives.
    CgroupIngress,
    /// A socket of a cgroup sends.
    CgroupEgress,
    /// Where programs of a section run that no other event reaches.
    Place(Place),
    /// An operation of a structure that programs stand in for.
    Operation {
        /// The map that is the structure.
        map: String,
        /// Its member.
        member: String,
    },
}

/// A function of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name: `__x64_sys_execve`.
    pub name: String,
    /// The system call that it is the entry of.
    pub syscall: Option<String>,
}

impl Function {
    /// A function that is no entry of a system call.
    pub fn plain(name: &str) -> Function {
        Function {
            name: name.to_owned(),
            syscall: None,
        }
    }

    /// The entry of a system call on x86-64.
    pub fn of_syscall(name: &str) -> Function {
        Function {
            name: format!("__x64_sys_{name}"),
            syscall: Some(name.to_owned()),
        }
    }
}

impl Point {
    /// The number of the hook (`enum bpf_attach_type`), if programs of cgroups run there.
    pub fn hook_of_cgroup(&self) -> Option<u32> {
        match self {
            Point::CgroupIngress => Some(0),
            Point::CgroupEgress => Some(1),
            Point::RawTracepoint { .. }
            | Point::Tracepoint { .. }
            | Point::Entry(_)
            | Point::Return(_)
            | Point::Lsm { .. }
            | Point::Usdt { .. }
            | Point::Xdp
            | Point::TcIngress
            | Point::TcEgress
            | Point::Socket
            | Point::Operation { .. }
            | Point::Place(_) => None,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::RawTracepoint { name } => write!(f, "raw_tp {name}"),
            Point::Tracepoint { category, name } => write!(f, "tracepoint {category}/{name}"),
            Point::Entry(function) => write!(f, "entry {}", function.name),
            Point::Return(function) => write!(f, "return {}", function.name),
            Point::Lsm { hook } => write!(f, "lsm {hook}"),
            Point::Usdt {
                path,
                provider,
                name,
            } => write!(f, "usdt {path}:{provider}:{name}"),
            Point::Xdp => f.write_str("xdp"),
            Point::TcIngress => f.write_str("tc ingress"),
            Point::TcEgress => f.write_str("tc egress"),
            Point::Socket => f.write_str("socket"),
            Point::CgroupIngress => f.write_str("cgroup_skb ingress"),
            Point::CgroupEgress => f.write_str("cgroup_skb egress"),
            Point::Place(place) => f.write_str(&place.section),
            Point::Operation { map, member } => write!(f, "struct_ops {map}.{member}"),
        }
    }
}

/// One place on the way of an event.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The place.
    pub point: Point,
    /// What the function or system call has returned, where it has.
    pub returned: Option<i64>,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing hangs on it.
    Pass,
    /// The way back of what was entered at that index.
    Back { entered: usize },
}

impl Stop {
    /// What a program's run means for the event: its return value, or what it put in place of the
    /// function's.
    pub fn answer(
        &self,
        attachment: &Attachment,
        prog_type: ProgType,
        r0: u64,
        state: &RunState,
    ) -> Answer {
        let value = i64::from((r0 as u32).cast_signed());
        match (&self.point, attachment) {
            (Point::Lsm { hook }, _) if value != 0 && !VOID_HOOKS.contains(&hook.as_str()) => {
                Answer::End(value)
            }
            (Point::Entry(_), Attachment::ModifyReturn(_)) if value != 0 => Answer::End(value),
            (Point::Entry(_), _) => state
                .overridden
                .map_or(Answer::Continue, |value| Answer::End(value.cast_signed())),
            (
                Point::Xdp
                | Point::TcIngress
                | Point::TcEgress
                | Point::Socket
                | Point::CgroupIngress
                | Point::CgroupEgress,
                _,
            ) => packet::answer(prog_type, r0),
            (Point::Place(place), _) if place.denies() => match state.retval {
                // An error that was set counts even where the program allows it.
                errno @ MIN_ERRNO..0 => Answer::End(i64::from(errno)),
                _ if value & 1 == 0 => Answer::End(EPERM),
                _ => Answer::Continue,
            },
            (
                Point::Lsm { .. }
                | Point::Place(_)
                | Point::Operation { .. }
                | Point::Return(_)
                | Point::RawTracepoint { .. }
                | Point::Usdt { .. }
                | Point::Tracepoint { .. },
                _,
            ) => Answer::Continue,
        }
    }
}

impl Stop {
    /// Whether the first program that ends the event is the last one to run here.
    pub fn ends_at_first(&self, attachment: &Attachment) -> bool {
        !matches!(self.point, Point::Entry(_)) || matches!(attachment, Attachment::ModifyReturn(_))
    }
}

/// What is forbidden ends with this.
const EPERM: i64 = -1;
/// The lowest number that is an error.
const MIN_ERRNO: i32 = -4095;

/// Questions to security modules that take no answer.
const VOID_HOOKS: [&str; 2] = ["bprm_committing_creds", "bprm_committed_creds"];

/// What the programs at a stop answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Continue,
    /// What is under way ends with this value, in place of its own.
    End(i64),
}

/// How an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ending {
    /// The stop that ended it.
    at: usize,
    /// With which value.
    value: i64,
}

/// The way of one event.
#[derive(Clone, Debug)]
pub struct Passage {
    stops: Vec<Stop>,
    next: usize,
    ending: Option<Ending>,
    task: Arc<Task>,
    becomes: Option<(usize, Arc<Task>)>,
    /// What the event's arguments are.
    pub values: Values,
    /// The system call that is under way, as tracepoints name it.
    syscall: Option<String>,
    /// What a system call returns when nothing ends it.
    result: Option<i64>,
    named: Named,
    packet: Option<Packet>,
    usdt: Option<UsdtEvent>,
}

impl Passage {
    /// A way without stops, on behalf of a task.
    pub(super) fn new(task: Arc<Task>, values: Values) -> Passage {
        Passage {
            stops: Vec::new(),
            next: 0,
            ending: None,
            task,
            becomes: None,
            values,
            syscall: None,
            result: None,
            named: Named::No,
            packet: None,
            usdt: None,
        }
    }

    /// The next place, unless the event is over.
    pub fn advance(&mut self) -> Option<Stop> {
        while let Some(stop) = self.stops.get(self.next) {
            let index = self.next;
            self.next += 1;
            if let Some((from, task)) = &self.becomes
                && *from <= index
                && self.ending.is_none()
            {
                self.task = Arc::clone(task);
            }
            match (self.ending, stop.role) {
                (None, _) => return Some(stop.clone()),
                (Some(ending), Role::Back { entered }) if entered <= ending.at => {
                    return Some(Stop {
                        returned: Some(ending.value),
                        ..stop.clone()
                    });
                }
                (Some(_), Role::Back { .. } | Role::Pass) => {}
            }
        }
        None
    }

    /// Says what the programs at the latest stop answered.
    pub fn answer(&mut self, answer: Answer) {
        if let (Answer::End(value), Some(at)) = (answer, self.next.checked_sub(1)) {
            let at = self.ending.map_or(at, |ending| ending.at);
            self.ending = Some(Ending { at, value });
        }
    }

    /// What the event came to: a system call's return value, or a hook's answer.
    pub fn result(&self) -> Option<i64> {
        self.ending.map(|ending| ending.value).or(self.result)
    }

    /// Who is current at the latest stop.
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Whether the event names its hook.
    pub fn named(&self) -> Named {
        self.named
    }

    /// The system call that is under way, as tracepoints name it.
    pub fn syscall(&self) -> Option<&str> {
        self.syscall.as_deref()
    }

    /// Whether the task is gone when the event is over.
    pub fn ends_task(&self) -> bool {
        matches!(self.syscall(), Some("exit" | "exit_group")) && self.ending.is_none()
    }

    /// The packet that passes.
    pub fn packet(&self) -> Option<&Packet> {
        self.packet.as_ref()
    }

    /// The probe that is passed.
    pub fn usdt(&self) -> Option<&UsdtEvent> {
        self.usdt.as_ref()
    }

    /// The places that are passed when nothing denies anything.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.stops.iter().map(|stop| &stop.point)
    }

    pub(super) fn pass(&mut self, point: Point) {
        self.stops.push(Stop {
            point,
            returned: None,
            role: Role::Pass,
        });
    }

    /// A tracepoint in both its forms.
    pub(super) fn trace(&mut self, category: &str, name: &str) {
        self.pass(Point::RawTracepoint {
            name: name.to_owned(),
        });
        self.record(category, name);
    }

    /// A tracepoint in the form with a record alone.
    pub(super) fn record(&mut self, category: &str, name: &str) {
        self.pass(Point::Tracepoint {
            category: category.to_owned(),
            name: name.to_owned(),
        });
    }

    pub(super) fn lsm(&mut self, hook: &str) {
        self.pass(Point::Lsm {
            hook: hook.to_owned(),
        });
    }

    /// A function is entered, does what `inside` adds, and returns that value.
    pub(super) fn call(
        &mut self,
        function: Function,
        returns: i64,
        inside: impl FnOnce(&mut Passage),
    ) {
        let entered = self.stops.len();
        self.pass(Point::Entry(function.clone()));
        inside(self);
        self.back(Point::Return(function), entered, returns);
    }

    /// A way back of what was entered at that index.
    pub(super) fn back(&mut self, point: Point, entered: usize, returned: i64) {
        let role = Role::Back { entered };
        self.stops.push(Stop {
            point,
            returned: Some(returned),
            role,
        });
    }

    /// From here on another task is current, or the same by another name.
    pub(super) fn become_task(&mut self, task: Task) {
        self.becomes = Some((self.stops.len(), Arc::new(task)));
    }

    /// What the event comes to when nothing ends it.
    pub(super) fn set_result(&mut self, result: i64) {
        self.result = Some(result);
    }

    /// The event is the way of a system call.
    pub(super) fn set_syscall(&mut self, event: &str) {
        self.syscall = Some(event.to_owned());
    }

    /// The event is the way of a packet.
    pub(super) fn set_packet(&mut self, packet: Packet) {
        self.packet = Some(packet);
    }

    /// The event is a probe that is passed.
    pub(super) fn set_usdt(&mut self, event: UsdtEvent) {
        self.usdt = Some(event);
    }

    /// The event names its hook.
    pub(super) fn set_named(&mut self) {
        self.named = Named::Yes;
    }

    /// What is entered never returns.
    pub(super) fn drop_returns(&mut self) {
        self.stops.retain(|stop| stop.role == Role::Pass);
        self.result = None;
    }

    /// How many stops there are so far.
    pub(super) fn len(&self) -> usize {
        self.stops.len()
    }
}
