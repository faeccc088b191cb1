//! `SEC()` names as libbpf 1.5 reads them: which program type, which attach type, attached to what.
//!
//! No object and no kernel is consulted: a name says what it says on every host.
//!
//! Rules, after libbpf's (LGPL-2.1 OR BSD-2-Clause, `libbpf.c`, `section_defs`):
//! - A leading `?` means that the program is not loaded unless asked for.
//! - A definition either wants the very name (`xdp`), or takes the name alone and also followed by
//!   `/` and a target (`kprobe`, `kprobe/do_unlinkat`).
//! - The first definition that matches wins; names that none matches are no program sections.

mod table;
#[cfg(test)]
mod tests;

use super::{AttachType, ProgType};
use table::{Definition, Form};

/// How a program of a section is attached, where its attach type does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// As its program and attach type say.
    Plain,
    /// Entry of a kernel function: `kprobe/do_unlinkat+4`.
    Kprobe,
    /// Return of a kernel function.
    Kretprobe,
    /// Entry of a function of an executable: `uprobe/path:function+offset`.
    Uprobe,
    /// Return of a function of an executable.
    Uretprobe,
    /// Entry of every kernel function of a pattern.
    KprobeMulti,
    /// Return of every kernel function of a pattern.
    KretprobeMulti,
    /// Entry and return of every kernel function of a pattern.
    KprobeSession,
    /// Entry of every function of a pattern: `uprobe.multi/path:pattern`.
    UprobeMulti,
    /// Return of every function of a pattern.
    UretprobeMulti,
    /// Entry of a system call: `ksyscall/unlinkat`.
    Ksyscall,
    /// Return of a system call.
    Kretsyscall,
    /// A static probe of an executable: `usdt/path:provider:name`.
    Usdt,
}

/// What kind of BTF object the target of a section names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetRule {
    /// The target is not looked up when the program is loaded.
    Free,
    /// The target must be given, and the kernel's BTF must have it under this prefix.
    Btf {
        /// Such as `bpf_lsm_`.
        prefix: &'static str,
    },
    /// The target must be given; it is a function of the program that is replaced.
    Program,
}

/// What a section name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionMatch<'a> {
    /// The program type.
    pub prog_type: ProgType,
    /// The attach type to load for; `None` where libbpf passes 0 for want of one.
    pub attach_type: Option<AttachType>,
    /// What follows the first `/`: `do_unlinkat` of `kprobe/do_unlinkat`.
    pub attach_target: Option<&'a str>,
    /// Whether and how the target is looked up at load.
    pub target_rule: TargetRule,
    /// How the program is attached.
    pub kind: SectionKind,
    /// Whether the program may sleep (`BPF_F_SLEEPABLE`).
    pub sleepable: bool,
    /// Whether it takes packets of several buffers (`BPF_F_XDP_HAS_FRAGS`).
    pub frags: bool,
    /// Whether it is loaded unless told otherwise.
    pub autoload: bool,
}

impl SectionMatch<'_> {
    /// The `BPF_F_*` flags to load the program with.
    pub fn load_flags(&self) -> u32 {
        let sleepable = if self.sleepable { 1 << 4 } else { 0 };
        let frags = if self.frags { 1 << 5 } else { 0 };
        sleepable | frags
    }

    /// Whether a target is demanded and missing, which libbpf refuses at load.
    pub fn lacks_target(&self) -> bool {
        self.target_rule != TargetRule::Free && self.attach_target.is_none_or(str::is_empty)
    }

    /// The name to look up in the kernel's BTF: `btf_trace_sched_switch` of `tp_btf/sched_switch`.
    pub fn btf_name(&self) -> Option<String> {
        match self.target_rule {
            TargetRule::Btf { prefix } => {
                let target = self.attach_target.filter(|target| !target.is_empty())?;
                Some(format!("{prefix}{target}"))
            }
            TargetRule::Free | TargetRule::Program => None,
        }
    }
}

/// Reads a section name; `None` means that it is not one of programs.
pub fn parse(name: &str) -> Option<SectionMatch<'_>> {
    let (autoload, name) = match name.strip_prefix('?') {
        Some(rest) => (false, rest),
        None => (true, name),
    };
    let definition = table::DEFINITIONS
        .iter()
        .find(|definition| definition.matches(name))?;
    let attach_target = match definition.form {
        Form::Exact => None,
        Form::Prefix => name.split_once('/').map(|(_, target)| target),
    };
    Some(SectionMatch {
        prog_type: definition.prog_type,
        attach_type: definition.attach_type,
        attach_target,
        target_rule: definition.target_rule,
        kind: definition.kind,
        sleepable: definition.sleepable,
        frags: definition.frags,
        autoload,
    })
}

impl Definition {
    fn matches(&self, name: &str) -> bool {
        match self.form {
            Form::Exact => name == self.name,
            Form::Prefix => name
                .strip_prefix(self.name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// Category and name of a tracepoint target: `syscalls/sys_enter_execve`.
pub fn tracepoint_target(target: &str) -> Option<(&str, &str)> {
    target
        .split_once('/')
        .filter(|(category, name)| !category.is_empty() && !name.is_empty())
}

/// Function and offset of a kprobe target: `do_unlinkat+0x4`.
pub fn kprobe_target(target: &str) -> Option<(&str, u64)> {
    let (function, offset) = split_offset(target)?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    (!function.is_empty() && function.chars().all(word)).then_some((function, offset))
}

/// Executable, function and offset of a uprobe target: `/bin/bash:readline`.
pub fn uprobe_target(target: &str) -> Option<(&str, &str, u64)> {
    let (path, function) = target.split_once(':')?;
    let (function, offset) = split_offset(function)?;
    (!path.is_empty() && !function.is_empty()).then_some((path, function, offset))
}

/// Executable, provider and name of a static probe: `/usr/bin/python3:python:gc__start`.
pub fn usdt_target(target: &str) -> Option<(&str, &str, &str)> {
    let (path, probe) = target.split_once(':')?;
    let (provider, name) = probe.split_once(':')?;
    let given = !path.is_empty() && !provider.is_empty() && !name.is_empty();
    given.then_some((path, provider, name))
}

/// Splits `name+offset`, the offset decimal or after `0x` hexadecimal.
fn split_offset(target: &str) -> Option<(&str, u64)> {
    let Some((name, offset)) = target.split_once('+') else {
        return Some((target, 0));
    };
    let offset = match offset.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => offset.parse().ok()?,
    };
    Some((name, offset))
}
