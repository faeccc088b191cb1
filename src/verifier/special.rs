//! Maps whose values hold more than data.
//!
//! A spin lock, timer, kernel pointer or list in a map's value changes what a program may do with
//! it. Timers are judged ([`super::timer`]); of the rest nothing is yet, so a program of an object with
//! such a map is refused if it refers to that map.
//!
//! Kernel: `btf_parse_fields` in kernel/bpf/btf.c, `check_map_prog_compatibility` in kernel/bpf/verifier.c,
//! 6.12.

use std::collections::BTreeSet;

use crate::abi::ProgType;
use crate::btf::{Btf, BtfId, Type};
use crate::isa::{Imm64, Insn};
use crate::object::MapSpec;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::state::MapLevel;

/// Structures that the kernel treats specially within a value.
const SPECIAL: [&str; 8] = [
    "bpf_spin_lock",
    "bpf_timer",
    "bpf_wq",
    "bpf_list_head",
    "bpf_list_node",
    "bpf_rb_root",
    "bpf_rb_node",
    "bpf_refcount",
];
/// Tags that make a pointer one to a kernel object.
const POINTER_TAGS: [&str; 4] = ["kptr", "kptr_untrusted", "percpu_kptr", "uptr"];

/// What programs that trace may not use, and how the kernel calls it.
const NOT_FOR_TRACING: [(&str, &str); 5] = [
    ("bpf_list_head", "bpf_{list_head,rb_root}"),
    ("bpf_rb_root", "bpf_{list_head,rb_root}"),
    ("bpf_spin_lock", "bpf_spin_lock"),
    ("bpf_timer", "bpf_timer"),
    ("bpf_wq", "bpf_wq"),
];

/// Types nested deeper than this hold no fields that the kernel finds (`MAX_RESOLVE_DEPTH`).
const MAX_NESTING: usize = 32;
/// So many types are looked at within one.
const MAX_VISITS: u32 = 100_000;

/// A special field of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Where in the value.
    pub(super) offset: u32,
}

impl Verifier<'_> {
    /// Refuses a program that refers to a map with special fields, but for timers, which are noted.
    pub(super) fn check_maps(&mut self) -> Check {
        let program = self.program;
        let referred: BTreeSet<usize> = self.insns.iter().filter_map(map_index).collect();
        for index in referred {
            let Some(spec) = program.maps.get(index) else {
                continue;
            };
            self.check_traces_without(spec)?;
            self.check_fields(index, MapLevel::Outer, spec)?;
            if let Some(inner) = &spec.inner {
                self.check_fields(index, MapLevel::Inner, inner)?;
            }
        }
        Ok(())
    }

    /// Programs that trace may run anywhere, and so with the lock held.
    fn check_traces_without(&self, spec: &MapSpec) -> Check {
        let traces = matches!(
            self.program.prog_type,
            ProgType::Kprobe
                | ProgType::Tracepoint
                | ProgType::PerfEvent
                | ProgType::RawTracepoint
                | ProgType::RawTracepointWritable
        );
        let found = self.special_fields(spec);
        let mut barred = NOT_FOR_TRACING.iter();
        match barred.find(|(kind, _)| traces && found.iter().any(|one| one == kind)) {
            Some((_, name)) => Err(Fail::invalid(format!(
                "tracing progs cannot use {name} yet"
            ))),
            None => Ok(()),
        }
    }

    fn check_fields(&mut self, index: usize, level: MapLevel, spec: &MapSpec) -> Check {
        let found = self.special_fields(spec);
        if found == ["bpf_timer"]
            && let Some(timer) = self.timer_of(spec)
        {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.timers.insert((index, level), timer);
            return Ok(());
        }
        match found.first() {
            Some(what) => Err(Fail::unsupported(format!(
                "map '{}' with a {what} in its values",
                spec.name
            ))),
            None => Ok(()),
        }
    }

    fn special_fields(&self, spec: &MapSpec) -> Vec<String> {
        let btf = self.program.btf.as_ref();
        let found = btf
            .zip(spec.value_type)
            .map(|(btf, ty)| find_special(btf, ty));
        found.unwrap_or_default()
    }
}

/// The map that an instruction loads.
fn map_index(insn: &Insn) -> Option<usize> {
    let Insn::LoadImm64 {
        value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
        ..
    } = insn
    else {
        return None;
    };
    usize::try_from(*fd).ok()
}

/// The only structure of that name within a type: none if there is not just one, or if the type is
/// so large that it takes too long to say.
pub(super) fn only_field_named(btf: &Btf, ty: BtfId, name: &str) -> Option<Field> {
    let mut search = Search {
        btf,
        name,
        found: Vec::new(),
        left: MAX_VISITS,
    };
    search.visit(ty, 0, MAX_NESTING);
    match search.found.as_slice() {
        [field] if search.left > 0 => Some(*field),
        _ => None,
    }
}

/// A walk through a type and what it consists of, which broken types could make endless.
struct Search<'a> {
    btf: &'a Btf,
    name: &'a str,
    found: Vec<Field>,
    /// How many types it may still look at.
    left: u32,
}

impl Search<'_> {
    fn visit(&mut self, ty: BtfId, offset: u32, depth: usize) {
        self.left = self.left.saturating_sub(1);
        let Some(depth) = depth.checked_sub(1).filter(|_| self.left > 0) else {
            return;
        };
        let btf = self.btf;
        let ty = btf.resolve(ty);
        match btf.ty(ty) {
            Type::Struct(_) | Type::Union(_) if btf.ty(ty).name() == self.name => {
                self.found.push(Field { offset });
            }
            Type::Struct(composite) | Type::Union(composite) => {
                for member in composite.members.iter() {
                    let at = offset.saturating_add(member.bit_offset / 8);
                    self.visit(member.ty, at, depth);
                }
            }
            Type::Array { elem, count, .. } => {
                let size = btf.size_of(elem).and_then(|size| u32::try_from(size).ok());
                // Two are enough to know that it is not the only one.
                for index in 0..count.min(2) {
                    let at = offset.saturating_add(index.saturating_mul(size.unwrap_or(0)));
                    self.visit(elem, at, depth);
                }
            }
            Type::Datasec { entries, .. } => {
                for entry in entries.iter() {
                    self.visit(entry.var, offset.saturating_add(entry.offset), depth);
                }
            }
            Type::Var { ty, .. } => self.visit(ty, offset, depth),
            Type::Void
            | Type::Int { .. }
            | Type::Ptr { .. }
            | Type::Enum(_)
            | Type::Enum64(_)
            | Type::Fwd { .. }
            | Type::Typedef { .. }
            | Type::Volatile { .. }
            | Type::Const { .. }
            | Type::Restrict { .. }
            | Type::Func { .. }
            | Type::FuncProto { .. }
            | Type::Float { .. }
            | Type::DeclTag { .. }
            | Type::TypeTag { .. } => {}
        }
    }
}

/// The kinds of special fields within a type, however deep; each type is looked at once.
fn find_special(btf: &Btf, ty: BtfId) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut todo = vec![ty];
    while let Some(ty) = todo.pop() {
        let ty = btf.resolve(ty);
        if !seen.insert(ty) {
            continue;
        }
        match btf.ty(ty) {
            Type::Struct(composite) | Type::Union(composite) => {
                let name = btf.ty(ty).name();
                if SPECIAL.contains(&name) {
                    found.push(name.to_owned());
                }
                todo.extend(composite.members.iter().map(|member| member.ty));
            }
            Type::Array { elem, .. } => todo.push(elem),
            Type::Datasec { entries, .. } => todo.extend(entries.iter().map(|entry| entry.var)),
            Type::Var { ty, .. } => todo.push(ty),
            Type::Ptr { to } => {
                let tag = btf.type_tags(to).find(|tag| POINTER_TAGS.contains(tag));
                if let Some(tag) = tag {
                    found.push(tag.to_owned());
                }
            }
            Type::Void
            | Type::Int { .. }
            | Type::Enum(_)
            | Type::Enum64(_)
            | Type::Fwd { .. }
            | Type::Typedef { .. }
            | Type::Volatile { .. }
            | Type::Const { .. }
            | Type::Restrict { .. }
            | Type::Func { .. }
            | Type::FuncProto { .. }
            | Type::Float { .. }
            | Type::DeclTag { .. }
            | Type::TypeTag { .. } => {}
        }
    }
    found
}
