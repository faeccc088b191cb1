//! Maps whose values hold more than data.
//!
//! A spin lock, timer, kernel pointer or list in a map's value changes what a program may do with
//! it. None of that is judged yet, so a program of an object with such a map is refused if it
//! refers to that map.
//!
//! Kernel: `btf_parse_fields` in kernel/bpf/btf.c, 6.12.

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
/// Types nest no deeper than this in sane objects.
const MAX_DEPTH: u32 = 16;

impl Verifier<'_> {
    /// Refuses a program that refers to a map with special fields.
    pub(super) fn check_maps(&self) -> Check {
        for insn in self.insns {
            let Insn::LoadImm64 {
                value: Imm64::MapFd(fd) | Imm64::MapValue { fd, .. },
                ..
            } = insn
            else {
                continue;
            };
            let spec = usize::try_from(*fd)
                .ok()
                .and_then(|index| self.program.maps.get(index));
            let Some(spec) = spec else { continue };
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
        find_special(btf, spec.value_type?, MAX_DEPTH)
    }
}

/// The first special field within a type.
fn find_special(btf: &Btf, ty: BtfId, depth: u32) -> Option<String> {
    let deeper = depth.checked_sub(1)?;
    match btf.resolved(ty) {
        Type::Struct(composite) | Type::Union(composite) => {
            let name = btf.resolved(ty).name();
            if SPECIAL.contains(&name) {
                return Some(name.to_owned());
            }
            composite
                .members
                .iter()
                .find_map(|member| find_special(btf, member.ty, deeper))
        }
        Type::Array { elem, .. } => find_special(btf, elem, deeper),
        Type::Datasec { entries, .. } => entries
            .iter()
            .find_map(|entry| find_special(btf, entry.var, deeper)),
        Type::Var { ty, .. } => find_special(btf, ty, deeper),
        Type::Ptr { to } => {
            let tag = btf.type_tags(to).find(|tag| POINTER_TAGS.contains(tag))?;
            Some(tag.to_owned())
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
        | Type::TypeTag { .. } => None,
    }
}
