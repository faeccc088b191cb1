//! Whether the registers hold what a kernel function wants, by its prototype.
//!
//! The end of a parameter's name may say more than its type: `__k` is a constant, `__sz` the size of the memory before,
//! `__ign` and `__prog` are not looked at, `__nullable` may be null, `__opt` is memory that need not be there, `__str` is a string that
//! is known when the program is judged.
//!
//! Kernel: `check_kfunc_args`, `get_kfunc_ptr_arg_type`, `process_kf_arg_ptr_to_btf_id` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::helpers::ArgType;
use crate::abi::kfuncs::flag;
use crate::btf::{Btf, BtfId, KindFilter, Type};
use crate::isa::Reg;

use super::super::argument::{ARGUMENTS, MAX_VAR_SIZE};
use super::super::dynptr::DYNPTR;
use super::super::explore::Verifier;
use super::super::fail::{Check, Fail};
use super::super::memory::check_unmoved;
use super::super::state::{Kind, Register, Trust};
use super::{Call, Effect};

/// Structures that ask for rules of their own, which are not modelled.
const UNSUPPORTED: [&str; 1] = ["bpf_res_spin_lock"];
/// Endings of names that ask for such rules.
const UNSUPPORTED_ENDINGS: [&str; 3] = ["__iter", "rdonly_buf_size", "rdwr_buf_size"];
/// Endings of names of what the kernel fills in itself, whatever is given; the second came after 6.12.
const IGNORED: [&str; 2] = ["__ign", "__prog"];
/// Contexts as programs see them, and what the kernel has in their place.
const PROJECTIONS: [(&str, &str); 3] = [
    ("__sk_buff", "sk_buff"),
    ("xdp_md", "xdp_buff"),
    ("bpf_sock_addr", "bpf_sock_addr_kern"),
];
/// What the name of a structure ends with that is not complete yet.
const INCOMPLETE: &str = "___init";
/// How deeply a structure of nothing but numbers may nest.
const MAX_NESTING: u32 = 3;

/// One parameter and the register that is given for it.
pub(super) struct Given<'a> {
    pub(super) index: usize,
    pub(super) reg: Reg,
    pub(super) name: &'a str,
    /// What the parameter points to.
    pub(super) pointee: BtfId,
}

impl Verifier<'_> {
    pub(super) fn check_kfunc_arguments(&mut self, call: &mut Call) -> Check {
        let params = std::mem::take(&mut call.params);
        if params.len() > ARGUMENTS.len() {
            return Err(unsupported(call));
        }
        let mut is_size = false;
        for (index, (name, ty)) in params.iter().enumerate() {
            // A size is judged with the memory before it.
            if std::mem::take(&mut is_size) || IGNORED.iter().any(|end| name.ends_with(end)) {
                continue;
            }
            let reg = ARGUMENTS[index];
            let pointee = match self.kernel_btf().resolved(*ty) {
                Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) => {
                    self.check_kfunc_number(call, reg, name)?;
                    continue;
                }
                Type::Ptr { to } => self.kernel_btf().resolve(to),
                _ => return Err(unsupported(call)),
            };
            let given = Given {
                index,
                reg,
                name,
                pointee,
            };
            let size = params.get(index + 1).filter(|(name, _)| {
                let size = ARGUMENTS.get(index + 1);
                is_size_name(name) && size.is_some_and(|size| self.cur.reg(*size).is_scalar())
            });
            let size = size.map(|(name, _)| name.as_str());
            is_size = self.check_kfunc_pointer(call, &given, size)? == Took::MemoryAndSize;
        }
        call.params = params;
        if call.kfunc.has(flag::RELEASE) && call.release.is_none() {
            return Err(Fail::invalid(format!(
                "release kernel function {} expects refcounted PTR_TO_BTF_ID",
                call.kfunc.name
            )));
        }
        Ok(())
    }

    fn check_kfunc_number(&mut self, call: &mut Call, reg: Reg, name: &str) -> Check {
        let register = *self.cur.reg(reg);
        let number = reg.number();
        if !register.is_scalar() {
            return Err(Fail::invalid(format!("R{number} is not a scalar")));
        }
        if UNSUPPORTED_ENDINGS.iter().any(|end| name.ends_with(end)) {
            return Err(unsupported(call));
        }
        if name.ends_with("__k") {
            let Some(value) = register.const_scalar() else {
                return Err(Fail::invalid(format!("R{number} must be a known constant")));
            };
            self.mark_precise(reg);
            call.constant = Some(value);
        }
        Ok(())
    }

    /// Judges a pointer, and the size that follows it.
    fn check_kfunc_pointer(
        &mut self,
        call: &mut Call,
        given: &Given<'_>,
        size: Option<&str>,
    ) -> Check<Took> {
        let register = *self.cur.reg(given.reg);
        let index = given.index;
        let nullable = given.name.ends_with("__nullable");
        let trusts = call.kfunc.trusts() || call.kfunc.has(flag::RCU);
        if trusts && (register.is_null() || register.maybe_null) && !nullable {
            return Err(Fail::access(format!(
                "Possibly NULL pointer passed to trusted arg{index}"
            )));
        }
        if register.ref_id != 0 {
            call.ref_id = register.ref_id;
            if call.kfunc.has(flag::RELEASE) {
                call.release = Some(register.ref_id);
            }
        }
        let btf = self.kernel_btf();
        let ty = btf.ty(given.pointee);
        let (name, is_struct) = (ty.name().to_owned(), matches!(ty, Type::Struct(_)));
        let is_iterator = index == 0 && super::iterator::is_iterator(&ty);
        if let Some(wants) = self.wants_object(given) {
            self.check_object_argument(call, given, wants)?;
            return Ok(Took::One);
        }
        if is_struct && name == "bpf_wq" {
            self.check_work_queue(call, given, &register)?;
            return Ok(Took::One);
        }
        if given.name.ends_with("__map") {
            self.check_map_of_work(call, given.reg, &register)?;
            self.check_kfunc_map(call, given, &register)?;
            return Ok(Took::One);
        }
        if matches!(ty, Type::FuncProto { .. }) {
            call.callback = Some(self.called_function(given, &register)?);
            return Ok(Took::One);
        }
        if UNSUPPORTED_ENDINGS
            .iter()
            .any(|end| given.name.ends_with(end))
            || is_struct && UNSUPPORTED.contains(&name.as_str())
        {
            return Err(unsupported(call));
        }
        let is_context = is_struct && !name.is_empty() && name == self.context.name;
        if call.effect == Effect::CastToKernelContext || is_context {
            return self
                .check_kfunc_context(given, &register)
                .map(|()| Took::One);
        }
        if nullable && register.is_null() && size.is_none() {
            return Ok(Took::One);
        }
        if given.name.ends_with("__str") {
            self.check_kfunc_string(given, &register)?;
            return Ok(Took::One);
        }
        if is_struct && name == DYNPTR {
            self.check_kfunc_dynptr(call, given.reg, given.name)?;
            return Ok(Took::One);
        }
        if is_iterator
            && call
                .kfunc
                .has(flag::ITER_NEW | flag::ITER_NEXT | flag::ITER_DESTROY)
        {
            self.check_iterator(call, index, given.reg, given.pointee)?;
            return Ok(Took::One);
        }
        if self.object_of(&register).is_some() {
            self.check_kfunc_object(call, given, &register)?;
            return Ok(Took::One);
        }
        self.check_kfunc_memory(call, given, size)
    }

    /// The function that is given to be called back.
    fn called_function(&self, given: &Given<'_>, register: &Register) -> Check<usize> {
        match register.kind {
            Kind::Func(subprog) => Ok(subprog as usize),
            _ => Err(Fail::invalid(format!(
                "arg{} expected pointer to func",
                given.index
            ))),
        }
    }

    fn check_kfunc_context(&self, given: &Given<'_>, register: &Register) -> Check {
        if register.kind != Kind::Ctx {
            return Err(Fail::invalid(format!(
                "arg#{} expected pointer to ctx, but got {}",
                given.index,
                self.type_name(register)
            )));
        }
        check_unmoved(given.reg, register, "ctx")
    }

    fn check_kfunc_string(&self, given: &Given<'_>, register: &Register) -> Check {
        let Kind::MapValue(_) = register.kind else {
            let index = given.index;
            return Err(Fail::invalid(format!(
                "arg#{index} doesn't point to a const string"
            )));
        };
        self.check_const_str(given.reg, register)
    }

    /// The structure that a register points to, where the kernel knows one.
    fn object_of(&self, register: &Register) -> Option<BtfId> {
        match register.kind {
            Kind::Btf(id, _) => Some(id),
            Kind::Map(_) => self.kernel_btf().find("bpf_map", KindFilter::STRUCT),
            Kind::Uninit
            | Kind::Scalar
            | Kind::Ctx
            | Kind::MapValue(_)
            | Kind::MapKey(_)
            | Kind::Stack(_)
            | Kind::Packet
            | Kind::PacketMeta
            | Kind::PacketEnd
            | Kind::Mem(..)
            | Kind::Func(_)
            | Kind::Sock(_)
            | Kind::FlowKeys
            | Kind::Dynptr
            | Kind::Local(..)
            | Kind::Arena
            | Kind::Buf(_) => None,
        }
    }

    /// A map, be it one of the program's or an object of the kernel.
    fn check_kfunc_map(&self, call: &Call, given: &Given<'_>, register: &Register) -> Check {
        let number = given.reg.number();
        let asks = call.kfunc.trusts() || call.kfunc.has(flag::RCU);
        if asks && !is_trusted(register) {
            return Err(Fail::invalid(format!(
                "R{number} must be referenced or trusted"
            )));
        }
        if self.object_of(register).is_none() {
            let (index, name) = (given.index, self.type_name(register));
            return Err(Fail::invalid(format!(
                "arg#{index} is {name} expected ptr_ or socket"
            )));
        }
        let map = self.kernel_btf().find("bpf_map", KindFilter::STRUCT);
        let pointee = map.ok_or_else(|| unsupported(call))?;
        self.check_kfunc_object(call, &Given { pointee, ..*given }, register)
    }

    /// A pointer to a kernel object: trusted as the function asks, and of the type that it wants.
    fn check_kfunc_object(&self, call: &Call, given: &Given<'_>, register: &Register) -> Check {
        let Some(held) = self.object_of(register) else {
            return Err(unsupported(call));
        };
        let number = given.reg.number();
        let (btf, wanted) = (self.kernel_btf(), given.pointee);
        let asks = call.kfunc.trusts() || call.kfunc.has(flag::RCU);
        if !matches!(btf.ty(wanted), Type::Struct(_)) {
            return Err(Fail::invalid(format!(
                "kernel function {} args#{} pointer type {} {} is not supported",
                call.kfunc.name,
                given.index,
                kind_name(btf, wanted),
                btf.ty(wanted).name()
            )));
        }
        if asks && !is_trusted(register) {
            if !call.kfunc.has(flag::RCU) {
                return Err(Fail::invalid(format!(
                    "R{number} must be referenced or trusted"
                )));
            }
            if !matches!(register.kind, Kind::Btf(_, Trust::Rcu)) {
                return Err(Fail::invalid(format!("R{number} must be a rcu pointer")));
            }
        }
        let releases = call.release.is_some() && register.ref_id != 0;
        if releases && register.off != 0 {
            return Err(Fail::invalid(format!(
                "R{number} must have zero offset when passed to release func or trusted arg to kfunc"
            )));
        }
        if register.value.const_value() != Some(0) || register.off < 0 {
            check_unmoved(given.reg, register, &self.type_name(register))?;
        }
        self.check_kfunc_trust(call, given, register)?;
        let off = register.off.unsigned_abs();
        let names = (btf.ty(wanted).name(), btf.ty(held).name());
        let is_exact = releases || call.kfunc.has(flag::ACQUIRE) || are_stages(names.0, names.1);
        let fits = PROJECTIONS.contains(&names)
            || held == wanted && off == 0
            || !is_exact && is_at(btf, held, u64::from(off), wanted);
        if fits {
            return Ok(());
        }
        Err(Fail::invalid(format!(
            "kernel function {} args#{} expected pointer to {} {} but R{number} has a pointer to {} {}",
            call.kfunc.name,
            given.index,
            kind_name(btf, wanted),
            btf.ty(wanted).name(),
            kind_name(btf, held),
            btf.ty(held).name()
        )))
    }

    /// Where a function asks for no trust, a pointer must still not be known to be anything.
    fn check_kfunc_trust(&self, call: &Call, given: &Given<'_>, register: &Register) -> Check {
        let Kind::Btf(_, trust) = register.kind else {
            return Ok(());
        };
        let expected = match trust {
            Trust::Rcu => return Ok(()),
            Trust::Trusted => "trusted_ptr_",
            Trust::Plain | Trust::Untrusted => "ptr_",
            Trust::User | Trust::PerCpu => return Err(unsupported(call)),
        };
        if trust == Trust::Untrusted || register.maybe_null {
            let (index, name) = (given.index, self.type_name(register));
            return Err(Fail::invalid(format!(
                "arg#{index} is {name} expected {expected} or socket"
            )));
        }
        // Whoever may sleep may have walked to what is gone.
        let asks = call.kfunc.trusts() || call.kfunc.has(flag::RCU);
        if trust == Trust::Plain && register.ref_id == 0 && !asks && !self.in_rcu() {
            return Err(unsupported(call));
        }
        Ok(())
    }

    /// Memory of the size that its type or the next argument says.
    fn check_kfunc_memory(
        &mut self,
        call: &mut Call,
        given: &Given<'_>,
        size: Option<&str>,
    ) -> Check<Took> {
        let btf = self.kernel_btf();
        let ty = btf.ty(given.pointee);
        let is_void = given.pointee == BtfId::VOID;
        if !(is_plain(btf, given.pointee, 0) || is_void && size.is_some()) {
            let or_void = if size.is_some() { "void, " } else { "" };
            return Err(Fail::invalid(format!(
                "arg#{} pointer type {} {} must point to {or_void}scalar, or struct with scalar",
                given.index,
                kind_name(btf, given.pointee),
                ty.name()
            )));
        }
        let register = *self.cur.reg(given.reg);
        self.check_offset(given.reg, &register, ArgType::Anything)?;
        let Some(size) = size else {
            if register.is_null() {
                return Ok(Took::One);
            }
            let size = btf.size_of(given.pointee);
            let size = size.and_then(|size| u32::try_from(size).ok());
            let size = size.ok_or_else(|| unsupported(call))?;
            self.check_kfunc_bytes(given.reg, &register, size)?;
            return Ok(Took::One);
        };
        let may_lack = given.name.ends_with("__opt") && register.is_null();
        if !may_lack {
            self.check_kfunc_sized(given, &register).map_err(|fail| {
                let index = given.index;
                let second = index + 1;
                fail.then(format!(
                    "arg#{index} arg#{second} memory, len pair leads to invalid memory access"
                ))
            })?;
        }
        if size.ends_with("__szk") {
            let reg = ARGUMENTS[given.index + 1];
            let Some(size) = self.cur.reg(reg).const_scalar() else {
                let number = reg.number();
                return Err(Fail::invalid(format!("R{number} must be a known constant")));
            };
            // The kernel keeps 32 bits of it.
            call.size = Some(size as u32);
        }
        Ok(Took::MemoryAndSize)
    }

    fn check_kfunc_bytes(&mut self, reg: Reg, register: &Register, size: u32) -> Check {
        let present = Register {
            maybe_null: false,
            ..*register
        };
        self.check_memory(reg, &present, size)
    }

    fn check_kfunc_sized(&mut self, given: &Given<'_>, register: &Register) -> Check {
        let reg = ARGUMENTS[given.index + 1];
        let number = reg.number();
        let size = *self.cur.reg(reg);
        if size.value.smin < 0 {
            return Err(Fail::access(format!(
                "R{number} min value is negative, either use unsigned or 'var &= const'"
            )));
        }
        if size.value.umax >= MAX_VAR_SIZE {
            return Err(Fail::access(format!(
                "R{number} unbounded memory access, use 'var &= const' or 'if (var < const)'"
            )));
        }
        let most = u32::try_from(size.value.umax).unwrap_or(u32::MAX);
        if most > 0 || !register.is_null() {
            self.check_kfunc_bytes(given.reg, register, most)?;
        }
        self.mark_precise(reg);
        Ok(())
    }
}

/// What was judged at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Took {
    One,
    MemoryAndSize,
}

fn unsupported(call: &Call) -> Fail {
    Fail::unsupported(format!("calling kernel function {}", call.kfunc.name))
}

fn is_size_name(name: &str) -> bool {
    name.ends_with("__sz") || name.ends_with("__szk")
}

/// Whether an object cannot go away while the program runs, or has the reference that it holds.
fn is_trusted(register: &Register) -> bool {
    let by_kind = matches!(register.kind, Kind::Btf(_, Trust::Trusted) | Kind::Map(_));
    register.ref_id != 0 || by_kind
}

/// Whether one structure is what the other is before it is complete, by their names.
fn are_stages(one: &str, other: &str) -> bool {
    one.strip_suffix(INCOMPLETE) == Some(other) || other.strip_suffix(INCOMPLETE) == Some(one)
}

/// Whether a type is a number, or a structure of numbers alone.
fn is_plain(btf: &Btf, ty: BtfId, nesting: u32) -> bool {
    match btf.ty(btf.resolve(ty)) {
        Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) => true,
        Type::Array { elem, .. } if nesting > 0 => is_plain(btf, elem, nesting),
        Type::Struct(composite) | Type::Union(composite) if nesting < MAX_NESTING => {
            let mut members = composite.members.iter();
            members.all(|member| is_plain(btf, member.ty, nesting + 1))
        }
        _ => false,
    }
}

/// Whether a structure has one of the wanted type at that offset, however deep.
fn is_at(btf: &Btf, ty: BtfId, off: u64, wanted: BtfId) -> bool {
    let (mut ty, mut off) = (btf.resolve(ty), off);
    for _ in 0..64 {
        if ty == wanted && off == 0 {
            return true;
        }
        let Some(composite) = btf.ty(ty).composite() else {
            return false;
        };
        let inner = composite.members.iter().find_map(|member| {
            let start = u64::from(member.bit_offset) / 8;
            let size = btf.size_of(member.ty)?;
            let within = off.checked_sub(start)?;
            (member.bitfield_size.is_none() && within < size).then_some((member.ty, within))
        });
        let Some((inner, within)) = inner else {
            return false;
        };
        (ty, off) = (btf.resolve(inner), within);
    }
    false
}

/// How messages call the kind of a type.
fn kind_name(btf: &Btf, ty: BtfId) -> &'static str {
    match btf.ty(ty) {
        Type::Void => "UNKNOWN",
        Type::Int { .. } => "INT",
        Type::Ptr { .. } => "PTR",
        Type::Array { .. } => "ARRAY",
        Type::Struct(_) => "STRUCT",
        Type::Union(_) => "UNION",
        Type::Enum(_) => "ENUM",
        Type::Enum64(_) => "ENUM64",
        Type::Fwd { .. } => "FWD",
        Type::Typedef { .. } => "TYPEDEF",
        Type::Volatile { .. } => "VOLATILE",
        Type::Const { .. } => "CONST",
        Type::Restrict { .. } => "RESTRICT",
        Type::Func { .. } => "FUNC",
        Type::FuncProto { .. } => "FUNC_PROTO",
        Type::Var { .. } => "VAR",
        Type::Datasec { .. } => "DATASEC",
        Type::Float { .. } => "FLOAT",
        Type::DeclTag { .. } => "DECL_TAG",
        Type::TypeTag { .. } => "TYPE_TAG",
    }
}
