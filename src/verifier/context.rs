//! Loads and stores through the context: by the table of its fields, or by the BTF of the function
//! that the program attaches to.
//!
//! Kernel: `check_ctx_access`, the `is_valid_access` callbacks, `btf_ctx_access` in kernel/bpf/btf.c,
//! 6.12.

use crate::abi::context::{self, FieldKind, Shape};
use crate::abi::hooks::{self, Given};
use crate::abi::{AttachType, ProgType};
use crate::btf::{BtfId, Type};
use crate::isa::{Extend, Size};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::memory::{Access, Use, check_unmoved};
use super::outcome::AccessKind;
use super::state::{BufKind, Kind, Register, Trust};

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
                let is_closed = context::needs_privilege(prog_type, kind, at, direction);
                if is_closed && !self.rights.is_capable {
                    return Err(refuse());
                }
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
                let sentence = refuse().message;
                self.argument_content(at, access).map_err(|fail| {
                    if fail.unsupported {
                        fail
                    } else {
                        fail.then(sentence)
                    }
                })?
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
        let program = self.program;
        if let Some(target) = program.attach_program.as_ref() {
            let found = self.traced_argument(target, off, access)?;
            return found.ok_or_else(|| Fail::access("not the context of the traced program"));
        }
        let Some(target) = self.attached_function()? else {
            return Err(Fail::unsupported(
                "the context of a program whose attach target is not known",
            ));
        };
        let name = &target.name;
        if !off.is_multiple_of(8) {
            return Err(Fail::access(format!(
                "func '{name}' offset {off} is not multiple of 8"
            )));
        }
        let index = (off / 8) as usize;
        match target.args.get(index) {
            Some((ty, given)) => {
                let kind = self.argument_kind(&target, index, *ty, *given)?;
                self.typed_argument(name, kind, *given, access)
            }
            None => self.return_value(&target, index, access),
        }
    }

    /// Past the last argument: the result, where the program sees it.
    fn return_value(
        &mut self,
        target: &AttachedFunction,
        index: usize,
        access: Access,
    ) -> Check<Register> {
        let result = target.result.filter(|_| index == target.args.len());
        let Some(result) = result else {
            return Err(Fail::access(format!(
                "func '{}' doesn't have {}-th argument",
                target.name,
                index + 1
            )));
        };
        if let Some((low, high)) = target.result_range {
            let mut value = super::scalar::Scalar::unknown();
            (value.smin, value.smax) = (low, high);
            value.sync();
            return Ok(Register::scalar(value));
        }
        if let Type::Ptr { .. } = self.kernel_btf().resolved(result) {
            let kind = self.argument_kind(target, index, result, Given::Typed)?;
            return self.typed_argument(&target.name, kind, Given::Typed, access);
        }
        Ok(Register::unknown())
    }

    /// The kernel vouches for the arguments of LSM hooks and tracepoints, not of any function.
    fn argument_trust(&self, given: Given) -> Trust {
        let hook = self.program.attach_target.as_deref().unwrap_or_default();
        match (self.program.prog_type, self.program.attach_type) {
            _ if given == Given::PlainOrNull => Trust::Plain,
            (ProgType::Tracing, Some(AttachType::TraceRawTp | AttachType::TraceIter)) => {
                Trust::Trusted
            }
            (ProgType::Lsm, _) if hooks::is_trusted(hook) => Trust::Trusted,
            (ProgType::StructOps, _) => Trust::Trusted,
            _ => Trust::Plain,
        }
    }

    /// A number is a number, and so are pointers to numbers and to anything; a pointer to a
    /// structure may be followed. There are no other arguments that programs may read.
    fn argument_kind(
        &self,
        target: &AttachedFunction,
        index: usize,
        ty: BtfId,
        given: Given,
    ) -> Check<Argument> {
        let btf = self.kernel_btf();
        let name = &target.name;
        let to = match btf.resolved(ty) {
            Type::Ptr { to } => to,
            Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) | Type::Struct(_) => {
                return Ok(Argument::Number);
            }
            _ => {
                let what = btf.type_name(ty);
                return Err(Fail::access(format!(
                    "func '{name}' arg{index} '{what}' has no type that programs may read"
                )));
            }
        };
        match given {
            Given::Key => return Ok(Argument::Pointer(Kind::Buf(BufKind::ReadOnly))),
            Given::Value => return Ok(Argument::Pointer(Kind::Buf(BufKind::ReadWrite))),
            Given::Number => return Ok(Argument::Address),
            Given::Typed | Given::OrNull | Given::PlainOrNull => {}
        }
        let pointee = btf.resolve(to);
        match btf.ty(pointee) {
            Type::Void if to == BtfId::VOID => Ok(Argument::Address),
            Type::Int { .. } => Ok(Argument::Address),
            Type::Struct(_) | Type::Union(_) => {
                let promoted = self.promoted(pointee);
                let trust = match btf.type_tags(to).next() {
                    Some("user") => Trust::User,
                    Some("percpu") => Trust::PerCpu,
                    Some(_) | None => self.argument_trust(given),
                };
                Ok(Argument::Pointer(Kind::Btf(promoted, trust)))
            }
            _ => Err(Fail::access(format!(
                "func '{name}' arg{index} is a pointer to what is not a struct"
            ))),
        }
    }

    fn typed_argument(
        &mut self,
        function: &str,
        argument: Argument,
        given: Given,
        access: Access,
    ) -> Check<Register> {
        let Access { size, .. } = access;
        let kind = match argument {
            Argument::Number => return Ok(Register::unknown()),
            Argument::Address | Argument::Pointer(_) if size != 8 => {
                return Err(Fail::access(format!(
                    "func '{function}' size {size} must be 8"
                )));
            }
            Argument::Address => return Ok(Register::unknown()),
            Argument::Pointer(kind) => kind,
        };
        let pointer = Register::pointer(kind);
        Ok(match given {
            Given::Typed | Given::Number => pointer,
            Given::OrNull | Given::PlainOrNull | Given::Key | Given::Value => self.or_null(pointer),
        })
    }
}

/// What an argument of a function is to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Number,
    /// A pointer that the program may not follow.
    Address,
    Pointer(Kind),
}

/// The function whose arguments are the context.
pub(super) struct AttachedFunction {
    pub(super) name: String,
    /// Types, and what else is known of each.
    pub(super) args: Vec<(BtfId, Given)>,
    /// Its result, where the program sees it.
    pub(super) result: Option<BtfId>,
    /// What the result may be, if the hook restricts it.
    pub(super) result_range: Option<(i64, i64)>,
    /// Of one that the program stands in for, whether it has no result.
    pub(super) returns_nothing: bool,
}
