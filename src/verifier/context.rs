//! Loads and stores through the context: by the table of its fields, or by the BTF of the function
//! that the program attaches to.
//!
//! Kernel: `check_ctx_access`, the `is_valid_access` callbacks, `btf_ctx_access` in kernel/bpf/btf.c,
//! 6.12.

use crate::abi::context::{self, FieldKind, Shape};
use crate::abi::{AttachType, ProgType};
use crate::btf::{BtfId, Type};
use crate::isa::{Extend, Size};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Use, check_unmoved};
use super::outcome::AccessKind;
use super::state::{Kind, Register, Trust};

impl Verifier<'_> {
    pub(super) fn check_context(
        &mut self,
        pointer: &Register,
        access: Access,
        off: i64,
    ) -> Check<Register> {
        check_unmoved(access.reg, pointer, "ctx")?;
        let refuse = || {
            Fail::access(format!(
                "invalid bpf_context access off={off} size={}",
                access.size
            ))
        };
        let at = u32::try_from(off).map_err(|_| refuse())?;
        let loaded = match self.context.shape {
            Shape::Fields(_) | Shape::Bytes { .. } | Shape::Memory { .. } => {
                let direction = match access.how {
                    Use::Write => context::Access::Write,
                    Use::Read | Use::Helper => context::Access::Read,
                };
                let (prog_type, attach_type) = (self.program.prog_type, self.program.attach_type);
                let off = i32::try_from(off).map_err(|_| refuse())?;
                let size = Size::from_bytes(access.size).ok_or_else(refuse)?;
                let hit = context::check(prog_type, attach_type, off, size, direction);
                let kind = hit.map_err(|_| refuse())?.kind;
                if kind != FieldKind::Scalar && access.extend == Extend::Sign {
                    return Err(refuse());
                }
                self.field_content(kind)?
            }
            Shape::BtfArgs => {
                if access.how == Use::Write || access.size != 8 && off % i64::from(access.size) != 0
                {
                    return Err(refuse());
                }
                self.argument_content(at, access)?
            }
            Shape::Unsupported => {
                let name = self.program.prog_type.name();
                return Err(Fail::unsupported(format!("the context of {name} programs")));
            }
        };
        self.note_access(AccessKind::Context(at))?;
        Ok(loaded)
    }

    /// What a field yields.
    fn field_content(&mut self, kind: FieldKind) -> Check<Register> {
        Ok(match kind {
            FieldKind::Scalar => Register::unknown(),
            FieldKind::PacketData => Register::pointer(Kind::Packet),
            FieldKind::PacketEnd => Register::pointer(Kind::PacketEnd),
            FieldKind::PacketMeta => Register::pointer(Kind::PacketMeta),
            FieldKind::Sock(view) => Register::pointer(Kind::Sock(view)),
            FieldKind::SockOrNull(view) => self.or_null(Register::pointer(Kind::Sock(view))),
            FieldKind::FlowKeys => Register::pointer(Kind::FlowKeys),
            FieldKind::Btf(name) => {
                Register::pointer(Kind::Btf(self.kernel_struct(name)?, Trust::Trusted))
            }
            FieldKind::Unsupported(what) => {
                let what = format!("reading the {what} of the context");
                return Err(Fail::unsupported(what));
            }
        })
    }

    /// What an argument of the attached function yields.
    fn argument_content(&mut self, off: u32, access: Access) -> Check<Register> {
        let Some(target) = self.attached_function()? else {
            return Err(Fail::unsupported(
                "the context of a program whose attach target is not known",
            ));
        };
        if !off.is_multiple_of(8) {
            return Err(Fail::access(format!(
                "func '{}' offset {off} is not multiple of 8",
                target.name
            )));
        }
        let index = (off / 8) as usize;
        let Some(ty) = target.args.get(index).copied() else {
            return self.return_value(&target, index);
        };
        self.typed_argument(ty, access)
    }

    /// Past the last argument: the result, where the program sees it.
    fn return_value(&self, target: &AttachedFunction, index: usize) -> Check<Register> {
        let sees_result = target.result.is_some() && index == target.args.len();
        if !sees_result {
            return Err(Fail::access(format!(
                "func '{}' doesn't have {}-th argument",
                target.name,
                index + 1
            )));
        }
        Ok(match target.result_range {
            Some((low, high)) => {
                let mut value = super::scalar::Scalar::unknown();
                (value.smin, value.smax) = (low, high);
                value.sync();
                Register::scalar(value)
            }
            None => Register::unknown(),
        })
    }

    /// The kernel vouches for the arguments of LSM hooks and tracepoints, not of any function.
    fn argument_trust(&self) -> Trust {
        match (self.program.prog_type, self.program.attach_type) {
            (ProgType::Tracing, Some(AttachType::TraceRawTp | AttachType::TraceIter)) => {
                Trust::Trusted
            }
            (ProgType::Lsm, _) => Trust::Trusted,
            _ => Trust::Plain,
        }
    }

    /// A number is a number; a pointer to a structure may be followed; other pointers are numbers.
    fn typed_argument(&self, ty: BtfId, access: Access) -> Check<Register> {
        let btf = self.kernel_btf();
        let resolved = btf.resolve(ty);
        let Type::Ptr { to } = btf.ty(resolved) else {
            return Ok(Register::unknown());
        };
        if access.size != 8 {
            return Ok(Register::unknown());
        }
        let pointee = btf.resolve(to);
        match btf.ty(pointee) {
            Type::Struct(_) => Ok(Register::pointer(Kind::Btf(pointee, self.argument_trust()))),
            _ => Ok(Register::unknown()),
        }
    }
}

/// The function whose arguments are the context.
pub(super) struct AttachedFunction {
    pub(super) name: String,
    pub(super) args: Vec<BtfId>,
    /// Its result, where the program sees it.
    pub(super) result: Option<BtfId>,
    /// What the result may be, if the hook restricts it.
    pub(super) result_range: Option<(i64, i64)>,
}
