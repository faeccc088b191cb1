//! Tracepoint records: what a program attached to a tracepoint finds at which offset.
//!
//! It knows layouts, not events: what fires and with which values is [`crate::events`]' business.
//! The layouts are those of Linux 6.12 on x86-64, as its tracefs tells them; they stand in two text
//! files, read line by line when asked for.
//!
//! Rules:
//! - A record starts with [`COMMON`], 8 bytes that programs may not read.
//! - A field of type `__data_loc T[]` holds 4 bytes: offset into the record in the low half, length
//!   in the high one.
//! - `syscalls/sys_enter_*` and `sys_exit_*` share their shape, so only arguments are stored.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

static EVENTS: &str = include_str!("events-6.12.txt");
static SYSCALLS: &str = include_str!("syscalls-6.12.txt");

/// One field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordField {
    /// Its name.
    pub name: &'static str,
    /// Its C type, as tracefs spells it.
    pub type_name: &'static str,
    /// Its offset in the record.
    pub off: u32,
    /// Its size.
    pub size: u32,
    /// Whether it is a signed number.
    pub signed: bool,
}

impl RecordField {
    /// Whether the field says where in the record data of variable length lies.
    pub fn is_data_loc(&self) -> bool {
        self.type_name.starts_with("__data_loc ")
    }
}

const fn field(
    name: &'static str,
    type_name: &'static str,
    off: u32,
    size: u32,
    signed: bool,
) -> RecordField {
    RecordField {
        name,
        type_name,
        off,
        size,
        signed,
    }
}

/// What every record starts with.
pub const COMMON: [RecordField; 4] = [
    field("common_type", "unsigned short", 0, 2, false),
    field("common_flags", "unsigned char", 2, 1, false),
    field("common_preempt_count", "unsigned char", 3, 1, false),
    field("common_pid", "int", 4, 4, true),
];

const SYSCALL_NUMBER: RecordField = field("__syscall_nr", "int", 8, 4, true);
const SYSCALL_RESULT: RecordField = field("ret", "long", 16, 8, true);

/// Where a system call's arguments start in its record.
const SYSCALL_ARGS: u32 = 16;

/// The layout of one tracepoint's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracepoint {
    /// Its category (`sched`).
    pub category: &'static str,
    /// Its name (`sched_switch`).
    pub name: Cow<'static, str>,
    /// Its fields behind [`COMMON`], by offset.
    pub fields: Vec<RecordField>,
}

impl Tracepoint {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&RecordField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// How many bytes the record has without data of variable length, a multiple of 8.
    pub fn fixed_size(&self) -> u32 {
        let end = self
            .fields
            .iter()
            .map(|field| field.off.saturating_add(field.size))
            .max();
        end.unwrap_or(8).next_multiple_of(8)
    }
}

/// The direction of a system call's tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `sys_enter_*`.
    Enter,
    /// `sys_exit_*`.
    Exit,
}

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its number on x86-64.
    pub number: u32,
    /// Its name (`stat`).
    pub name: &'static str,
    /// Its name in tracepoints (`newstat`).
    pub event: &'static str,
    /// Its arguments, name and C type.
    pub args: Vec<(&'static str, &'static str)>,
}

impl Syscall {
    /// The record of one of its tracepoints, whose name is `sys_enter_` or `sys_exit_` and
    /// [`Syscall::event`].
    pub fn record(&self, side: Side) -> Vec<RecordField> {
        let mut fields = vec![SYSCALL_NUMBER];
        match side {
            Side::Enter => {
                let offsets = (SYSCALL_ARGS..).step_by(8);
                let args = self.args.iter().zip(offsets);
                fields.extend(args.map(|((name, text), off)| field(name, text, off, 8, false)));
            }
            Side::Exit => fields.push(SYSCALL_RESULT),
        }
        fields
    }
}

/// The tracepoint of that category and name, if its layout is known.
pub fn find(category: &str, name: &str) -> Option<Tracepoint> {
    if category == "syscalls" {
        return find_syscall_event(name);
    }
    events().find(|event| event.category == category && event.name == name)
}

/// Every tracepoint but those of system calls.
pub fn events() -> impl Iterator<Item = Tracepoint> {
    lines(EVENTS).filter_map(parse_event)
}

/// Every system call that has tracepoints, by number.
pub fn syscalls() -> impl Iterator<Item = Syscall> {
    lines(SYSCALLS).filter_map(parse_syscall)
}

/// The system call of that name, its own or the tracepoints'.
pub fn syscall_by_name(name: &str) -> Option<Syscall> {
    syscalls().find(|syscall| syscall.name == name || syscall.event == name)
}

/// The system call of that number.
pub fn syscall_by_number(number: u32) -> Option<Syscall> {
    syscalls().find(|syscall| syscall.number == number)
}

fn find_syscall_event(name: &str) -> Option<Tracepoint> {
    let (side, event) = match name.strip_prefix("sys_enter_") {
        Some(event) => (Side::Enter, event),
        None => (Side::Exit, name.strip_prefix("sys_exit_")?),
    };
    let syscall = syscalls().find(|syscall| syscall.event == event)?;
    let fields = syscall.record(side);
    Some(Tracepoint {
        category: "syscalls",
        name: name.to_string().into(),
        fields,
    })
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn parse_event(line: &'static str) -> Option<Tracepoint> {
    let (path, fields) = line.split_once(' ').unwrap_or((line, ""));
    let (category, name) = path.split_once('/')?;
    let fields = fields
        .split('|')
        .filter(|text| !text.is_empty())
        .map(parse_field);
    Some(Tracepoint {
        category,
        name: name.into(),
        fields: fields.collect::<Option<_>>()?,
    })
}

fn parse_field(text: &'static str) -> Option<RecordField> {
    let mut parts = text.split(';');
    let (type_name, name) = (parts.next()?, parts.next()?);
    let (off, size) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let signed = parts.next()? == "s";
    Some(RecordField {
        name,
        type_name,
        off,
        size,
        signed,
    })
}

fn parse_syscall(line: &'static str) -> Option<Syscall> {
    let mut words = line.splitn(4, ' ');
    let number = words.next()?.parse().ok()?;
    let (name, event) = (words.next()?, words.next()?);
    let args = words
        .next()
        .unwrap_or("")
        .split('|')
        .filter(|text| !text.is_empty());
    let args = args.map(|text| text.split_once(';').map(|(text, name)| (name, text)));
    Some(Syscall {
        number,
        name,
        event,
        args: args.collect::<Option<_>>()?,
    })
}
