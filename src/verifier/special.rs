//! Maps whose values hold more than data.
//!
//! A spin lock, timer, kernel pointer or list in a map's value changes what a program may do with
//! it. None of that is judged yet, so a program of an object with such a map is refused if it
//! refers to that map.
//!
//! Kernel: `btf_parse_fields` in kernel/bpf/btf.c, 6.12.

use std::collections::BTreeSet;

use crate::btf::{Btf, BtfId, Type};
use crate::isa::{Imm64, Insn};
use crate::object::MapSpec;

use super::explore::Verifier;
use super::fail::{Check, Fail};

/// Structures that the kernel treats specially within a value.
const SPECIAL: [&str; 9] = [
    "bpf_spin_lock",
    "bpf_timer",
    "bpf_wq",
    "bpf_list_head",
    "bpf_list_node",
    "bpf_rb_root",
    "bpf_rb_node",
    "bpf_refcount",
    "bpf_dynptr",
];
/// Tags that make a pointer one to a kernel object.
const POINTER_TAGS: [&str; 4] = ["kptr", "kptr_untrusted", "percpu_kptr", "uptr"];

impl Verifier<'_> {
    /// Refuses a program that refers to a map with special fields.
    pub(super) fn check_maps(&self) -> Check {
        let referred: BTreeSet<usize> = self.insns.iter().filter_map(map_index).collect();
        for spec in referred
            .into_iter()
            .filter_map(|index| self.program.maps.get(index))
        {
            let specs = [Some(spec), spec.inner.as_deref()];
            for spec in specs.into_iter().flatten() {
                if let Some(what) = self.special_field(spec) {
                    let name = &spec.name;
                    return Err(Fail::unsupported(format!(
                        "map '{name}' with a {what} in its values"
                    )));
                }
            }
        }
        Ok(())
    }

    fn special_field(&self, spec: &MapSpec) -> Option<String> {
        let btf = self.program.btf.as_ref()?;
        find_special(btf, spec.value_type?)
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

/// The first special field within a type, however deep; each type is looked at once.
fn find_special(btf: &Btf, ty: BtfId) -> Option<String> {
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
                    return Some(name.to_owned());
                }
                todo.extend(composite.members.iter().map(|member| member.ty));
            }
            Type::Array { elem, .. } => todo.push(elem),
            Type::Datasec { entries, .. } => todo.extend(entries.iter().map(|entry| entry.var)),
            Type::Var { ty, .. } => todo.push(ty),
            Type::Ptr { to } => {
                let tag = btf.type_tags(to).find(|tag| POINTER_TAGS.contains(tag));
                if let Some(tag) = tag {
                    return Some(tag.to_owned());
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
    None
}
