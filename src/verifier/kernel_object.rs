//! Kernel objects described by BTF: the function a program attaches to, and loads through pointers
//! to structures.
//!
//! Kernel: `bpf_check_attach_target`, `check_ptr_to_btf_access`, `btf_struct_walk`, 6.12.

use crate::abi::hooks::{Given, iterator_arguments, may_sleep, tracepoint_argument};
use crate::abi::{AttachType, LsmHook, ProgType};
use crate::btf::{Btf, BtfId, Composite, KindFilter, Type};

use super::context::AttachedFunction;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Use};
use super::outcome::{AccessKind, Errno};
use super::state::{Kind, Register, Trust};

/// Hooks that no program may attach to, as their results cannot be trusted to one.
const DISABLED_HOOKS: [&str; 12] = [
    "audit_rule_match",
    "getselfattr",
    "key_getsecurity",
    "xfrm_decode_session",
    "vm_enough_memory",
    "inode_need_killpriv",
    "inode_getsecurity",
    "inode_listsecurity",
    "inode_copy_up_xattr",
    "getprocattr",
    "setprocattr",
    "ismaclabel",
];

/// Functions of the kernel that are called like a hook and are none.
const NO_HOOKS: [&str; 7] = [
    "find_cgroup_shim",
    "func_proto",
    "get_retval_range",
    "init",
    "is_sleepable_hook",
    "is_trusted",
    "verify_prog",
];

/// The function of the kernel that sleepable programs may attach to, in Linux 6.12.
const SLEEPABLE_FUNCTION: &str = "bpf_fentry_test1";

/// Functions beside the `security_` ones whose result programs may replace, in Linux 6.12.
const MODIFIABLE: [&str; 5] = [
    "bpf_fentry_test1",
    "bpf_modify_return_test",
    "bpf_modify_return_test2",
    "bpf_modify_return_test_tp",
    "update_socket_protocol",
];
/// Hooks that answer a question, in Linux 6.12.
const BOOL_HOOKS: [&str; 3] = [
    "audit_rule_known",
    "inode_xattr_skipcap",
    "xfrm_state_pol_flow_match",
];

impl Verifier<'_> {
    /// What an LSM hook returns.
    pub(super) fn lsm_hook_kind(&self, hook: &str) -> LsmHook {
        if BOOL_HOOKS.contains(&hook) {
            return LsmHook::Bool;
        }
        match result_of(self.kernel_btf(), &format!("bpf_lsm_{hook}")) {
            Some(BtfId::VOID) => LsmHook::Void,
            Some(_) | None => LsmHook::Errno,
        }
    }

    /// Refuses a program whose attach target the kernel does not have.
    pub(super) fn check_attach_target(&mut self) -> Check {
        if self.program.prog_type == ProgType::Lsm && !self.is_gpl() {
            return Err(Fail::invalid(
                "LSM programs must have a GPL compatible license",
            ));
        }
        let module = self.program.attach_btf.filter(|attach| attach.module != 0);
        if module.is_some() {
            let target = self.program.attach_target.as_deref().unwrap_or_default();
            return Err(Fail::unsupported(format!(
                "attaching to {target}, a function of a kernel module"
            )));
        }
        self.check_may_sleep_in_function()?;
        if let Some(target) = &self.program.attach_program {
            self.check_attach_program(target)?;
        } else if matches!(
            self.program.prog_type,
            ProgType::Lsm | ProgType::Tracing | ProgType::StructOps
        ) {
            self.attached_function()?;
        }
        let hook = self.program.attach_target.as_deref().unwrap_or_default();
        if self.program.prog_type == ProgType::Lsm && self.is_sleepable() && !may_sleep(hook) {
            return Err(Fail::invalid(format!("bpf_lsm_{hook} is not sleepable")));
        }
        if self.program.prog_type == ProgType::Ext {
            return Err(Fail::invalid("Cannot replace kernel functions"));
        }
        Ok(())
    }

    /// Of functions, programs may sleep in those alone that the kernel lets fail on purpose, which a
    /// kernel is not built with, and in one that is there to test them.
    fn check_may_sleep_in_function(&self) -> Check {
        let at_function = matches!(
            self.program.attach_type,
            Some(AttachType::TraceFentry | AttachType::TraceFexit | AttachType::ModifyReturn)
        );
        let target = self.program.attach_target.as_deref().unwrap_or_default();
        let may_sleep = target == SLEEPABLE_FUNCTION && self.program.attach_program.is_none();
        let is_traced = self.program.prog_type == ProgType::Tracing && at_function;
        match is_traced && self.is_sleepable() && !may_sleep {
            true => Err(Fail::invalid(format!("{target} is not sleepable"))),
            false => Ok(()),
        }
    }

    /// The function that gives the context its arguments, if the program has one.
    pub(super) fn attached_function(&self) -> Check<Option<AttachedFunction>> {
        if self.program.prog_type == ProgType::StructOps {
            return self.stood_in_for().map(Some);
        }
        let Some(target) = self
            .program
            .attach_target
            .as_deref()
            .filter(|name| !name.is_empty())
        else {
            return Ok(None);
        };
        let target = target.strip_prefix("vmlinux:").unwrap_or(target);
        let btf = self.kernel_btf();
        match (self.program.prog_type, self.program.attach_type) {
            (ProgType::Lsm, _) => self.lsm_hook(btf, target).map(Some),
            (ProgType::Tracing, Some(AttachType::TraceRawTp)) => trace_point(btf, target).map(Some),
            (ProgType::Tracing, Some(AttachType::TraceIter)) => iterator(btf, target).map(Some),
            (ProgType::Tracing, Some(AttachType::TraceFentry)) => function(btf, target).map(Some),
            (
                ProgType::Tracing,
                Some(attach @ (AttachType::TraceFexit | AttachType::ModifyReturn)),
            ) => {
                let modifiable = target.starts_with("security_") || MODIFIABLE.contains(&target);
                if attach == AttachType::ModifyReturn && !modifiable {
                    return Err(Fail::invalid(format!("{target}() is not modifiable")));
                }
                let mut found = function(btf, target)?;
                found.result = result_of(btf, target);
                Ok(Some(found))
            }
            (ProgType::Tracing, _) => Err(Fail::unsupported(format!(
                "programs of section '{}'",
                self.program.section
            ))),
            _ => Ok(None),
        }
    }

    fn lsm_hook(&self, btf: &Btf, hook: &str) -> Check<AttachedFunction> {
        if DISABLED_HOOKS.contains(&hook) {
            return Err(Fail::invalid(format!(
                "points to disabled hook bpf_lsm_{hook}"
            )));
        }
        if NO_HOOKS.contains(&hook) {
            return Err(Fail::invalid(format!(
                "points to wrong type name bpf_lsm_{hook}"
            )));
        }
        let name = format!("bpf_lsm_{hook}");
        let mut found = function(btf, &name)?;
        found.result = result_of(btf, &name).filter(|result| *result != BtfId::VOID);
        found.result_range = self.return_range();
        Ok(found)
    }

    /// Judges a load through a pointer to a kernel structure.
    pub(super) fn check_btf_access(
        &mut self,
        pointer: &Register,
        access: Access,
        off: i64,
    ) -> Check<Register> {
        let Kind::Btf(id, _) = pointer.kind else {
            return Err(Fail::invalid("not a kernel object"));
        };
        let number = access.reg.number();
        let name = self.kernel_btf().ty(id).name().to_owned();
        if !self.is_gpl() {
            return Err(Fail::invalid(format!(
                "Cannot access kernel 'struct {name}' from non-GPL compatible program"
            )));
        }
        if off < 0 {
            return Err(Fail::access(format!(
                "R{number} is ptr_{name} invalid negative access: off={off}"
            )));
        }
        if pointer.value.const_value() != Some(0) {
            let var_off = pointer.value.tnum;
            return Err(Fail::access(format!(
                "R{number} is ptr_{name} invalid variable offset: off={off}, var_off={var_off}"
            )));
        }
        let Kind::Btf(_, trust) = pointer.kind else {
            return Err(Fail::invalid("not a kernel object"));
        };
        if let Trust::User | Trust::PerCpu = trust {
            let memory = if trust == Trust::User {
                "user"
            } else {
                "percpu"
            };
            return Err(Fail::access(format!(
                "R{number} is ptr_{name} access {memory} memory: off={off}"
            )));
        }
        if access.how == Use::Write {
            return self.check_object_write(id, off.unsigned_abs(), access.size);
        }
        let found = walk(
            self.kernel_btf(),
            id,
            off.unsigned_abs(),
            u64::from(access.size),
        )?;
        self.note_access(AccessKind::Probed)?;
        Ok(match found {
            Some(found) => self.walked(pointer, &name, &found),
            None => Register::unknown(),
        })
    }
}

/// A kernel function's arguments.
fn function(btf: &Btf, name: &str) -> Check<AttachedFunction> {
    let Some(Type::Func { proto, .. }) = btf.find(name, KindFilter::FUNC).map(|id| btf.ty(id))
    else {
        return Err(no_such_target(name));
    };
    prototype(btf, name, proto, 0)
}

/// A tracepoint's arguments: the first of its prototype is the kernel's own.
fn trace_point(btf: &Btf, name: &str) -> Check<AttachedFunction> {
    let found = btf.find(&format!("btf_trace_{name}"), KindFilter::TYPEDEF);
    let pointer = found.map(|id| btf.ty(btf.resolve(id)));
    let Some(Type::Ptr { to }) = pointer else {
        return Err(no_such_target(name));
    };
    let mut found = prototype(btf, name, btf.resolve(to), 1)?;
    for (index, (_, given)) in found.args.iter_mut().enumerate() {
        *given = tracepoint_argument(name, index);
    }
    Ok(found)
}

/// An iterator's arguments.
fn iterator(btf: &Btf, name: &str) -> Check<AttachedFunction> {
    let mut found = function(btf, &format!("bpf_iter_{name}"))?;
    let Some(arguments) = iterator_arguments(name) else {
        let what = format!("programs of section 'iter/{name}'");
        return Err(Fail::unsupported(what));
    };
    for ((_, given), known) in found.args.iter_mut().zip(arguments) {
        *given = known;
    }
    Ok(found)
}

fn no_such_target(name: &str) -> Fail {
    Fail::new(
        Errno::NoEntry,
        format!("failed to find kernel BTF type ID of '{name}'"),
    )
}

pub(super) fn prototype(
    btf: &Btf,
    name: &str,
    proto: BtfId,
    skip: usize,
) -> Check<AttachedFunction> {
    let Type::FuncProto { params, .. } = btf.ty(proto) else {
        return Err(no_such_target(name));
    };
    let types = params.iter().skip(skip).map(|param| param.ty);
    let args = types.map(|ty| (ty, Given::Typed)).collect();
    Ok(AttachedFunction {
        name: name.to_owned(),
        args,
        result: None,
        result_range: None,
        returns_nothing: false,
    })
}

fn result_of(btf: &Btf, name: &str) -> Option<BtfId> {
    let Type::Func { proto, .. } = btf.ty(btf.find(name, KindFilter::FUNC)?) else {
        return None;
    };
    let Type::FuncProto { ret, .. } = btf.ty(proto) else {
        return None;
    };
    Some(ret)
}

/// A pointer to a structure that a load yields.
pub(super) struct Found {
    /// The structure.
    pub(super) pointee: BtfId,
    /// The member that was loaded.
    pub(super) member: String,
    /// What its type is tagged with.
    pub(super) tag: Tag,
    /// Whether a union lies on the way, which may hold something else.
    pub(super) through_union: bool,
}

/// Where a pointer in a structure points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    Rcu,
    User,
    PerCpu,
}

/// What a load of `size` bytes at `off` in a structure yields: the structure that it points to, or
/// `None` for a number.
pub(super) fn walk(btf: &Btf, id: BtfId, off: u64, size: u64) -> Check<Option<Found>> {
    let mut through_union = false;
    let mut id = btf.resolve(id);
    let mut off = off;
    // Each round goes one structure deeper, and structures do not contain themselves.
    for _ in 0..64 {
        let ty = btf.ty(id);
        let (Type::Struct(composite) | Type::Union(composite)) = ty else {
            break;
        };
        let name = match ty.name() {
            "" => "(anon)",
            name => name,
        };
        // A union of one member leaves no doubt about which is meant.
        through_union |= matches!(ty, Type::Union(_)) && composite.members.len() != 1;
        let total = u64::from(composite.size);
        let beyond = off.saturating_add(size) > total;
        match beyond.then(|| flexible(btf, composite, off)).flatten() {
            Some(Element::Number) => return Ok(None),
            Some(Element::Structure(element, within)) => {
                (id, off) = (element, within);
                continue;
            }
            None => {}
        }
        if beyond {
            return Err(Fail::access(format!(
                "access beyond struct {name} at off {off} size {size}"
            )));
        }
        let member = composite.members.iter().find(|member| {
            let start = u64::from(member.bit_offset) / 8;
            let length = btf.size_of(member.ty).unwrap_or(0);
            start <= off && off < start.saturating_add(length)
        });
        let Some(member) = member else {
            return Ok(None);
        };
        if member.bitfield_size.is_some() {
            return Ok(None);
        }
        let start = u64::from(member.bit_offset) / 8;
        let length = btf.size_of(member.ty).unwrap_or(0);
        let inner = element_of(btf, member.ty);
        let inner_size = btf.size_of(inner).unwrap_or(0).max(1);
        let within = (off - start) % inner_size;
        if let Type::Struct(_) | Type::Union(_) = btf.ty(inner) {
            id = inner;
            off = within;
            continue;
        }
        if off + size > start + length && !through_union {
            let end = start + length;
            return Err(Fail::access(format!(
                "access beyond the end of member {} (mend:{end}) in struct {name} with off {off} size {size}",
                member.name
            )));
        }
        let found = pointee(btf, inner, within, size, member.name, name)?;
        return Ok(found.map(|found| Found {
            through_union,
            ..found
        }));
    }
    Ok(None)
}

/// What lies in an array without a size that ends a structure.
enum Element {
    Number,
    /// A structure, and the place in it.
    Structure(BtfId, u64),
}

/// What lies at `off` in the array without a size that ends a structure, if one does.
fn flexible(btf: &Btf, composite: Composite<'_>, off: u64) -> Option<Element> {
    let last = composite.members.iter().last()?;
    let Type::Array { elem, count: 0, .. } = btf.resolved(last.ty) else {
        return None;
    };
    let within = off.checked_sub(u64::from(last.bit_offset) / 8)?;
    let elem = btf.resolve(elem);
    match btf.ty(elem) {
        Type::Int { .. } => Some(Element::Number),
        Type::Struct(inner) => {
            let within = within.checked_rem(u64::from(inner.size))?;
            Some(Element::Structure(elem, within))
        }
        _ => None,
    }
}

/// The type of an array's elements, through all dimensions; of anything else, itself.
pub(super) fn element_of(btf: &Btf, ty: BtfId) -> BtfId {
    let mut ty = btf.resolve(ty);
    for _ in 0..32 {
        let Type::Array { elem, .. } = btf.ty(ty) else {
            break;
        };
        ty = btf.resolve(elem);
    }
    ty
}

/// What a member that is no structure yields.
fn pointee(
    btf: &Btf,
    ty: BtfId,
    within: u64,
    size: u64,
    member: &str,
    name: &str,
) -> Check<Option<Found>> {
    let Type::Ptr { to } = btf.ty(ty) else {
        return Ok(None);
    };
    if size != 8 || within != 0 {
        return Err(Fail::access(format!(
            "cannot access ptr member {member} with moff 0 in struct {name} with off {within} size {size}"
        )));
    }
    let tag = match btf.type_tags(to).next() {
        None => Tag::None,
        Some("rcu") => Tag::Rcu,
        Some("user") => Tag::User,
        Some("percpu") => Tag::PerCpu,
        Some(_) => return Ok(None),
    };
    let to = btf.resolve(to);
    Ok(match btf.ty(to) {
        Type::Struct(_) => Some(Found {
            pointee: to,
            member: member.to_owned(),
            tag,
            through_union: false,
        }),
        _ => None,
    })
}
