//! Pointers to objects that lie in fields: loads, stores and exchanges.
//!
//! Kernel: `check_map_kptr_access`, `map_kptr_match_type`, `process_kptr_func`, `btf_ld_kptr_type` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::kptrs::is_rcu_protected;
use crate::btf::BtfId;
use crate::isa::Reg;
use crate::object::{FieldKind, Kptr, KptrHold};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Alignment, Source, Use, check_unvaried};
use super::object_argument::begins_with;
use super::outcome::AccessKind;
use super::special::Pointee;
use super::state::{Hold, Kind, MapRef, Register, Trust};

impl Verifier<'_> {
    /// An access to a kptr of a value, if it is one to a kptr.
    pub(super) fn check_kptr_access(
        &mut self,
        pointer: &Register,
        map: MapRef,
        access: Access,
    ) -> Check<Option<Register>> {
        let fixed = i64::from(pointer.off) + i64::from(access.off);
        let moved = pointer.value.const_value();
        let at = moved.map(|moved| fixed.wrapping_add(moved.cast_signed()));
        let fields = self.value_fields(map);
        let field = at.and_then(|at| fields.at(at));
        let Some((field, kptr)) = field.and_then(|field| match &field.kind {
            FieldKind::Kptr(kptr) => Some((field, *kptr)),
            _ => None,
        }) else {
            return Ok(None);
        };
        // Only atomic operations ask for alignment.
        if access.alignment == Alignment::Strict {
            return Err(Fail::access(
                "kptr in map can only be accessed using BPF_MEM instruction mode",
            ));
        }
        self.note_access(AccessKind::Plain)?;
        if access.how != Use::Write {
            return self.loaded_kptr(kptr).map(Some);
        }
        if kptr.hold != KptrHold::None {
            return Err(Fail::access("store to referenced kptr disallowed"));
        }
        match access.source {
            Source::Reg(reg) => {
                let stored = *self.cur.reg(reg);
                if !stored.is_null() {
                    self.check_fits_kptr(kptr, reg, &stored)?;
                }
            }
            Source::Imm(0) => {}
            Source::Imm(_) | Source::Unknown => {
                return Err(Fail::access(format!(
                    "BPF_ST imm must be 0 when storing to kptr at off={}",
                    field.offset
                )));
            }
        }
        Ok(Some(Register::unknown()))
    }

    /// What a load of a kptr gives: what it points to may be gone, unless RCU keeps it.
    fn loaded_kptr(&mut self, kptr: Kptr) -> Check<Register> {
        let pointee = self.pointee(kptr);
        let is_kept = match (kptr.hold, pointee) {
            (KptrHold::PerCpu, _) | (KptrHold::Reference, Pointee::Local(_)) => true,
            (KptrHold::Reference, Pointee::Kernel(id)) => {
                is_rcu_protected(self.kernel_btf().ty(id).name())
            }
            (KptrHold::None, _) => false,
        };
        let is_kept = is_kept && self.in_rcu();
        let kind = match (pointee, kptr.hold, is_kept) {
            (Pointee::Kernel(id), KptrHold::PerCpu, true) => {
                return Err(self.foreign_per_cpu(id));
            }
            (Pointee::Kernel(id), _, true) => Kind::Btf(id, Trust::Rcu),
            (Pointee::Kernel(id), _, false) => Kind::Btf(id, Trust::Untrusted),
            (Pointee::Local(id), KptrHold::PerCpu, true) => Kind::Local(id, Hold::RcuPerCpu),
            (Pointee::Local(id), _, true) => Kind::Local(id, Hold::Rcu),
            (Pointee::Local(id), _, false) => Kind::Local(id, Hold::Untrusted),
        };
        Ok(self.or_null(Register::pointer(kind)))
    }

    fn foreign_per_cpu(&self, id: BtfId) -> Fail {
        let name = self.kernel_btf().ty(id).name();
        Fail::unsupported(format!("per-CPU memory of the kernel's struct {name}"))
    }

    /// Whether what a register points to may be put into a kptr.
    pub(super) fn check_fits_kptr(&self, kptr: Kptr, reg: Reg, register: &Register) -> Check {
        let pointee = self.pointee(kptr);
        let is_weak = kptr.hold == KptrHold::None;
        let (may_be_held, name) = match register.kind {
            Kind::Btf(id, trust) => {
                let held = match trust {
                    Trust::Trusted | Trust::Plain | Trust::Rcu => true,
                    Trust::Untrusted => is_weak,
                    Trust::User | Trust::PerCpu => false,
                };
                (held, self.kernel_btf().ty(id).name().to_owned())
            }
            Kind::Local(id, hold) => {
                let held = match hold {
                    Hold::Owned => true,
                    Hold::OwnedPerCpu => kptr.hold == KptrHold::PerCpu,
                    Hold::NonOwning
                    | Hold::NonOwningRcu
                    | Hold::NonOwningLost
                    | Hold::Rcu
                    | Hold::RcuLost
                    | Hold::RcuPerCpu
                    | Hold::PerCpuLost
                    | Hold::Untrusted => false,
                };
                (held, self.local_name(id))
            }
            _ => (false, String::new()),
        };
        if may_be_held {
            check_unvaried(reg, register, &self.type_name(register))?;
            let strict = !is_weak;
            let off = register.off;
            let fits = match (register.kind, pointee) {
                (Kind::Btf(id, _), Pointee::Kernel(wanted)) if strict => id == wanted && off == 0,
                (Kind::Btf(id, _), Pointee::Kernel(wanted)) => {
                    begins_with(self.kernel_btf(), id, off, wanted)
                }
                (Kind::Local(id, _), Pointee::Local(wanted)) => id == wanted && off == 0,
                (_, Pointee::Kernel(_) | Pointee::Local(_)) => false,
            };
            if fits {
                return Ok(());
            }
        }
        // Of what may not be held at all Linux does not say what it is.
        let name = if may_be_held { name.as_str() } else { "" };
        Err(self.misfit(kptr, reg, register, name))
    }

    fn misfit(&self, kptr: Kptr, reg: Reg, register: &Register, name: &str) -> Fail {
        let wanted = match self.pointee(kptr) {
            Pointee::Kernel(id) => self.kernel_btf().ty(id).name().to_owned(),
            Pointee::Local(id) => self.local_name(id),
        };
        let or_untrusted = match kptr.hold {
            KptrHold::None => format!(" or untrusted_ptr_{wanted}"),
            KptrHold::Reference | KptrHold::PerCpu => String::new(),
        };
        Fail::access(format!(
            "invalid kptr access, R{} type={}{name} expected=ptr_{wanted}{or_untrusted}",
            reg.number(),
            self.type_name(register)
        ))
    }

    /// The kptr that `bpf_kptr_xchg` is given.
    pub(super) fn exchanged_kptr(&self, reg: Reg, register: &Register) -> Check<Kptr> {
        let number = reg.number();
        if let Kind::MapValue(map) = register.kind {
            self.check_has_types(map, "bpf_kptr_xchg")?;
        }
        let Some(moved) = register.value.const_value() else {
            return Err(Fail::invalid(format!(
                "R{number} doesn't have constant offset. kptr has to be at the constant offset"
            )));
        };
        let fields = self.fields_behind(register.kind);
        let is_kptr = |kind: &FieldKind| matches!(kind, FieldKind::Kptr(_));
        if !fields.iter().any(|field| is_kptr(&field.kind)) {
            return Err(Fail::invalid(format!("R{number} has no valid kptr")));
        }
        let off = i64::from(register.off).wrapping_add(moved.cast_signed());
        let Some(FieldKind::Kptr(kptr)) = fields.at(off).map(|field| &field.kind) else {
            return Err(Fail::access(format!("off={off} doesn't point to kptr")));
        };
        match kptr.hold {
            KptrHold::None => Err(Fail::access(format!(
                "off={off} kptr isn't referenced kptr"
            ))),
            KptrHold::Reference | KptrHold::PerCpu => Ok(*kptr),
        }
    }

    /// What an exchange gives back.
    pub(super) fn taken_kptr(&mut self, kptr: Kptr) -> Check<Register> {
        let kind = match (self.pointee(kptr), kptr.hold) {
            (Pointee::Kernel(id), KptrHold::PerCpu) => return Err(self.foreign_per_cpu(id)),
            (Pointee::Kernel(id), _) => Kind::Btf(id, Trust::Plain),
            (Pointee::Local(id), KptrHold::PerCpu) => Kind::Local(id, Hold::OwnedPerCpu),
            (Pointee::Local(id), _) => Kind::Local(id, Hold::Owned),
        };
        Ok(self.or_null(Register::pointer(kind)))
    }

    /// What is put into a kptr is no longer the program's; memory of each CPU stays until the
    /// section ends.
    pub(super) fn give_away(&mut self, reference: u32) {
        if !self.in_rcu() {
            return;
        }
        self.cur.for_each_register(|register| {
            if let Kind::Local(id, Hold::OwnedPerCpu) = register.kind
                && register.ref_id == reference
            {
                register.kind = Kind::Local(id, Hold::RcuPerCpu);
                register.ref_id = 0;
            }
        });
    }
}
