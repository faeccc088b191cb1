//! What global functions take: read from their prototypes and the tags of their arguments, asked of
//! callers, and believed when the function itself is judged.
//!
//! How a call goes on, and what functions return, is in [`super::subprog`].
//!
//! Kernel: `btf_prepare_func_args` in kernel/bpf/btf.c, `btf_check_func_arg_match` and `do_check_common` in
//! kernel/bpf/verifier.c, 6.12.

use crate::abi::ProgType;
use crate::abi::helpers::{ArgType, DynptrArg};
use crate::btf::{BtfId, Type};
use crate::isa::Reg;

use super::argument::ARGUMENTS;
use super::dynptr::{DYNPTR, Want};
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::object_argument::TrustedArg;
use super::state::{Kind, MemKind, Register, State, Trust};

/// The tags of arguments that are trusted kernel objects.
const TRUSTED_TAGS: [&str; 2] = ["trusted", "nullable"];

/// What a global function takes in one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GlobalArg {
    Scalar,
    Ctx,
    Mem { size: u32, maybe_null: bool },
    Object(TrustedArg),
    Dynptr,
    Arena,
}

impl Verifier<'_> {
    pub(super) fn check_global_args(&mut self, subprog: usize) -> Check {
        let args = self.global_args(subprog)?;
        for (reg, arg) in ARGUMENTS.into_iter().zip(args) {
            // What was never written is refused for not being what is wanted.
            let register = match self.cur.reg(reg).kind {
                Kind::Uninit => *self.cur.reg(reg),
                _ => self.read_reg(reg)?,
            };
            self.check_global_arg(reg, &register, arg)?;
        }
        Ok(())
    }

    fn check_global_arg(&mut self, reg: Reg, register: &Register, arg: GlobalArg) -> Check {
        let number = reg.number();
        match arg {
            GlobalArg::Scalar if register.is_scalar() => Ok(()),
            GlobalArg::Scalar => Err(Fail::invalid(format!("R{number} is not a scalar"))),
            GlobalArg::Ctx if register.kind == Kind::Ctx => {
                super::memory::check_unmoved(reg, register, "ctx")
            }
            GlobalArg::Ctx => Err(Fail::invalid(format!("R{number} expects pointer to ctx"))),
            GlobalArg::Dynptr => {
                self.check_offset(reg, register, ArgType::Dynptr(DynptrArg::Initialised))?;
                self.check_dynptr(reg, Want::Any)
            }
            GlobalArg::Object(object) => self.check_trusted_argument(reg, register, object),
            GlobalArg::Arena => super::arena::check_argument(reg, register),
            GlobalArg::Mem { size, maybe_null } => {
                if maybe_null && register.is_null() {
                    return Ok(());
                }
                if register.maybe_null && !maybe_null {
                    return Err(Fail::invalid(format!(
                        "R{number} is expected to be non-NULL"
                    )));
                }
                self.check_memory(reg, register, size)
            }
        }
    }

    /// What a global function takes.
    fn global_args(&self, subprog: usize) -> Check<Vec<GlobalArg>> {
        let name = &self.names[subprog];
        let Some((params, result)) = self.prototype(subprog) else {
            return Err(Fail::invalid(format!(
                "global function {name}() without type information"
            )));
        };
        let Some(btf) = self.program.btf.as_ref() else {
            return Ok(Vec::new());
        };
        if params.len() > ARGUMENTS.len() {
            return Err(Fail::invalid(format!(
                "Global function {name}() with {} > 5 args. Buggy compiler.",
                params.len()
            )));
        }
        if !matches!(
            btf.resolved(result),
            Type::Int { .. } | Type::Enum(_) | Type::Enum64(_)
        ) {
            return Err(Fail::invalid(format!(
                "Global function {name}() doesn't return scalar. Only those are supported."
            )));
        }
        let func = self
            .program
            .subprogs
            .iter()
            .find(|one| Some(&one.start) == self.flow.starts.get(subprog));
        let func = func.and_then(|one| one.func);
        let mut args = Vec::new();
        for (index, ty) in params.into_iter().enumerate() {
            let tags: Vec<&str> = func
                .into_iter()
                .flat_map(|func| btf.decl_tags(func))
                .filter(|(component, _)| component.is_some_and(|at| at as usize == index))
                .filter_map(|(_, tag)| tag.strip_prefix("arg:"))
                .collect();
            args.push(self.global_arg(index, ty, &tags)?);
        }
        Ok(args)
    }

    fn global_arg(&self, index: usize, ty: BtfId, tags: &[&str]) -> Check<GlobalArg> {
        let Some(btf) = self.program.btf.as_ref() else {
            return Ok(GlobalArg::Scalar);
        };
        let Type::Ptr { to } = btf.resolved(ty) else {
            return match btf.resolved(ty) {
                Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) => Ok(GlobalArg::Scalar),
                _ => Err(Fail::invalid(format!(
                    "Arg#{index} type {} in {}() is not supported yet.",
                    btf.type_name(ty),
                    self.program.name
                ))),
            };
        };
        if btf.ty(btf.resolve(to)).name() == DYNPTR && !tags.contains(&"ctx") {
            return match tags {
                [] => Ok(GlobalArg::Dynptr),
                _ => Err(Fail::invalid(format!(
                    "arg#{index} has invalid combination of tags"
                ))),
            };
        }
        if tags.contains(&"trusted") && tags.iter().all(|tag| TRUSTED_TAGS.contains(tag)) {
            let maybe_null = tags.contains(&"nullable");
            let name = btf.ty(btf.resolve(to)).name();
            let object = self.trusted_argument(index, name, maybe_null)?;
            return Ok(GlobalArg::Object(object));
        }
        if tags == ["arena"] {
            return Ok(GlobalArg::Arena);
        }
        if let Some(tag) = tags.iter().find(|tag| !matches!(**tag, "ctx" | "nonnull")) {
            return Err(Fail::unsupported(format!(
                "the tag arg:{tag} of a global function's argument"
            )));
        }
        let pointee = btf.resolve(to);
        if tags.contains(&"ctx") {
            self.check_context_type(btf, index, to)?;
            return Ok(GlobalArg::Ctx);
        }
        if self.is_context_type(btf.ty(pointee).name(), to) {
            return Ok(GlobalArg::Ctx);
        }
        let size = btf
            .size_of(pointee)
            .and_then(|size| u32::try_from(size).ok());
        let Some(size) = size else {
            return Err(Fail::invalid(format!(
                "arg#{index} reference type('{}') size cannot be determined",
                btf.type_name(to)
            )));
        };
        Ok(GlobalArg::Mem {
            size,
            maybe_null: !tags.contains(&"nonnull"),
        })
    }

    /// Whether a structure of that name is this program type's context.
    pub(super) fn is_context_type(&self, name: &str, pointee: BtfId) -> bool {
        if !self.context.name.is_empty() && name == self.context.name {
            return true;
        }
        let typedef = self
            .program
            .btf
            .as_ref()
            .map(|btf| btf.ty(pointee).name().to_owned());
        self.program.prog_type == ProgType::Kprobe
            && (name == "pt_regs" || typedef.as_deref() == Some("bpf_user_pt_regs_t"))
    }

    /// The state in which a global function is judged.
    pub(super) fn global_entry(&mut self, subprog: usize) -> Check<State> {
        let args = self.global_args(subprog)?;
        if self.exception_callback == Some(subprog) && args != [GlobalArg::Scalar] {
            return Err(Fail::invalid(
                "exception cb only supports single integer argument",
            ));
        }
        let mut state = State::new(subprog, self.new_activation());
        for (reg, arg) in ARGUMENTS.into_iter().zip(args) {
            let register = match arg {
                GlobalArg::Scalar | GlobalArg::Arena => Register::unknown(),
                GlobalArg::Ctx => Register::pointer(Kind::Ctx),
                GlobalArg::Dynptr => self.foreign_dynptr(),
                GlobalArg::Object(object) => {
                    let kind = Kind::Btf(object.id, Trust::Trusted);
                    let pointer = Register::pointer(kind);
                    if object.maybe_null {
                        self.or_null(pointer)
                    } else {
                        pointer
                    }
                }
                GlobalArg::Mem { size, maybe_null } => {
                    let mut memory = Register::pointer(Kind::Mem(size, MemKind::Plain));
                    memory.maybe_null = maybe_null;
                    memory.id = self.new_id();
                    memory
                }
            };
            *state.reg_mut(reg) = register;
        }
        Ok(state)
    }
}
