//! Kernel objects that helpers are given, and kernel variables.
//!
//! An object fits where its type is the wanted one, or begins with it.
//!
//! Kernel: `check_reg_type`, `btf_struct_ids_match`, `check_pseudo_btf_id` in
//! kernel/bpf/verifier.c, 6.12.

use crate::btf::{Btf, BtfId, KindFilter, Type};
use crate::isa::{Pc, Reg};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::kernel_object::element_of;
use super::memory::check_unvaried;
use super::state::{Kind, MemKind, Register, Trust};

/// A kernel object that a global function is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrustedArg {
    pub(super) id: BtfId,
    pub(super) maybe_null: bool,
}

impl Verifier<'_> {
    /// Whether a pointer to a kernel object points to one of the wanted.
    pub(super) fn check_object(&self, reg: Reg, register: &Register, wanted: &[&str]) -> Check {
        let btf = self.kernel_btf();
        let find = |name: &&str| btf.find(name, KindFilter::STRUCT);
        let ids: Vec<BtfId> = wanted.iter().filter_map(find).collect();
        self.check_object_type(reg, register, &ids)
    }

    /// The same, the wanted types being given as such.
    pub(super) fn check_object_type(
        &self,
        reg: Reg,
        register: &Register,
        wanted: &[BtfId],
    ) -> Check {
        let Kind::Btf(id, _) = register.kind else {
            return Ok(());
        };
        let btf = self.kernel_btf();
        let fits = |wanted: &BtfId| begins_with(btf, id, register.off, *wanted);
        if wanted.iter().any(fits) {
            return Ok(());
        }
        let expected = wanted.first().map_or("", |wanted| btf.ty(*wanted).name());
        Err(Fail::access(format!(
            "R{} is of type {} but {expected} is expected",
            reg.number(),
            btf.ty(id).name(),
        )))
    }

    /// What a global function is given for an argument that is tagged as a trusted object.
    pub(super) fn check_trusted_argument(
        &self,
        reg: Reg,
        register: &Register,
        object: TrustedArg,
    ) -> Check {
        if object.maybe_null && register.is_null() {
            return Ok(());
        }
        let mut kind = *register;
        kind.maybe_null &= !object.maybe_null;
        let name = self.type_name(&kind);
        let expected = "ptr_, trusted_ptr_, rcu_ptr_";
        if !expected.split(", ").any(|one| one == name) {
            let number = reg.number();
            return Err(Fail::access(format!(
                "R{number} type={name} expected={expected}"
            )));
        }
        self.check_object_type(reg, register, &[object.id])?;
        check_unvaried(reg, register, &self.type_name(register))
    }

    /// The kernel structure that the program means by a pointer to one of its own: that of the same
    /// name, up to three underscores.
    pub(super) fn trusted_argument(
        &self,
        index: usize,
        pointee: &str,
        maybe_null: bool,
    ) -> Check<TrustedArg> {
        let name = pointee.split("___").next().unwrap_or(pointee);
        let id = self.kernel_btf().find(name, KindFilter::STRUCT);
        let id = id.filter(|_| !name.is_empty()).ok_or_else(|| {
            Fail::invalid(format!("arg#{index}: no kernel structure is called {name}"))
        })?;
        Ok(TrustedArg { id, maybe_null })
    }

    /// What the address of a kernel variable of that type is.
    pub(super) fn variable_kind(&self, ty: BtfId) -> Check<Kind> {
        let btf = self.kernel_btf();
        let ty = btf.resolve(ty);
        if let Type::Struct(_) = btf.ty(ty) {
            return Ok(Kind::Btf(ty, Trust::Plain));
        }
        let size = btf.size_of(ty).and_then(|size| u32::try_from(size).ok());
        match size {
            Some(size) => Ok(Kind::Mem(size, MemKind::ReadOnly)),
            None => Err(Fail::invalid(format!(
                "ldimm64 unable to resolve the size of type '{}': -22",
                btf.ty(ty).name()
            ))),
        }
    }

    /// What of a module an instruction refers to, in words.
    pub(super) fn module_symbol(&self, pc: Pc, what: &str) -> String {
        let symbols = &self.program.module_symbols;
        match symbols.iter().find(|symbol| symbol.pc == pc) {
            Some(symbol) => format!("{}, {what} of a kernel module", symbol.name),
            None => format!("{what} of a kernel module"),
        }
    }

    /// The address of a kernel variable or function that an instruction loads.
    pub(super) fn kernel_symbol(&self, id: u32) -> Check<Register> {
        let btf = self.kernel_btf();
        let symbol = BtfId(id);
        let kind = match btf.ty(symbol) {
            Type::Var { ty, .. } if is_percpu(btf, symbol) => {
                Kind::Btf(btf.resolve(ty), Trust::PerCpu)
            }
            Type::Var { ty, .. } => self.variable_kind(ty)?,
            Type::Func { .. } => Kind::Mem(0, MemKind::ReadOnly),
            _ => {
                let reason = format!("btf_id {id} is neither a variable nor a function");
                return Err(Fail::invalid(reason));
            }
        };
        Ok(Register::pointer(kind))
    }
}

/// Whether a variable has an instance on each CPU.
fn is_percpu(btf: &Btf, variable: BtfId) -> bool {
    let section = btf.find(".data..percpu", KindFilter::DATASEC);
    let Some(Type::Datasec { entries, .. }) = section.map(|id| btf.ty(id)) else {
        return false;
    };
    entries.iter().any(|entry| entry.var == variable)
}

/// Whether at `off` in a structure there is one of type `wanted`, perhaps within others.
pub(super) fn begins_with(btf: &Btf, id: BtfId, off: i32, wanted: BtfId) -> bool {
    let (mut id, wanted) = (btf.resolve(id), btf.resolve(wanted));
    let Ok(mut off) = u64::try_from(off) else {
        return false;
    };
    // Each round goes one structure deeper, and structures do not contain themselves.
    for _ in 0..64 {
        if off == 0 && id == wanted {
            return true;
        }
        let (Type::Struct(composite) | Type::Union(composite)) = btf.ty(id) else {
            return false;
        };
        let member = composite.members.iter().find(|member| {
            let start = u64::from(member.bit_offset) / 8;
            let length = btf.size_of(member.ty).unwrap_or(0);
            start <= off && off < start.saturating_add(length)
        });
        let Some(member) = member else {
            return false;
        };
        let start = u64::from(member.bit_offset) / 8;
        id = element_of(btf, member.ty);
        off = (off - start) % btf.size_of(id).unwrap_or(0).max(1);
    }
    false
}
