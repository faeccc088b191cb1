//! Objects of the program's own types: loads and stores through pointers to them.
//!
//! Kernel: `check_ptr_to_btf_access` and `btf_struct_access`, 6.12.

use crate::btf::BtfId;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::kernel_object::walk;
use super::memory::{Access, Use};
use super::outcome::AccessKind;
use super::state::{Hold, Kind, Register};

impl Verifier<'_> {
    /// The name of one of the program's structures.
    pub(super) fn local_name(&self, ty: BtfId) -> String {
        let btf = self.program.btf.as_ref();
        btf.map_or_else(String::new, |btf| btf.ty(ty).name().to_owned())
    }

    /// Judges an access to an object of one of the program's types.
    pub(super) fn check_local_access(
        &mut self,
        pointer: &Register,
        (ty, hold): (BtfId, Hold),
        access: Access,
        off: i64,
    ) -> Check<Register> {
        self.check_local_place(pointer, (ty, hold), access, off)?;
        let program = self.program;
        let Some(btf) = program.btf.as_ref() else {
            return Err(Fail::invalid("an object without types"));
        };
        if access.how == Use::Write && !hold.is_alloc() {
            return Err(Fail::access("only read is supported"));
        }
        let is_vouched_for = hold.is_non_owning() || hold.is_rcu() || pointer.ref_id != 0;
        if hold.is_alloc() && !is_vouched_for {
            return Err(Fail::new(
                super::outcome::Errno::Fault,
                "verifier internal error: ref_obj_id for allocated object must be non-zero",
            ));
        }
        let (first, size) = (off.unsigned_abs(), u64::from(access.size));
        if hold.is_alloc() {
            self.check_fields_apart(ty, first, size)?;
        }
        let found = walk(btf, ty, first, size)?;
        self.note_access(match hold.is_alloc() {
            true => AccessKind::Plain,
            false => AccessKind::Probed,
        })?;
        Ok(match found {
            // What is in an object that was allocated may be any number.
            Some(found) if !hold.is_alloc() && access.how == Use::Read => {
                Register::pointer(Kind::Local(found.pointee, Hold::Untrusted))
            }
            Some(_) | None => Register::unknown(),
        })
    }

    fn check_local_place(
        &self,
        pointer: &Register,
        (ty, hold): (BtfId, Hold),
        access: Access,
        off: i64,
    ) -> Check {
        let number = access.reg.number();
        let name = self.local_name(ty);
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
        match hold.is_per_cpu() {
            true => Err(Fail::access(format!(
                "R{number} is ptr_{name} access percpu memory: off={off}"
            ))),
            false => Ok(()),
        }
    }

    /// The fields of an object are for calls alone.
    fn check_fields_apart(&self, ty: BtfId, first: u64, size: u64) -> Check {
        let fields = self.object_fields(ty);
        let touched = fields.iter().find(|field| {
            let start = u64::from(field.offset);
            first < start + u64::from(field.kind.size()) && start < first.saturating_add(size)
        });
        match touched {
            Some(field) => Err(Fail::access(format!(
                "direct access to {} is disallowed",
                field.kind.name()
            ))),
            None => Ok(()),
        }
    }
}
