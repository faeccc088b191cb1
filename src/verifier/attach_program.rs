//! Programs that attach to a function of another program: that replace it, or trace it.
//!
//! One that replaces a function is judged as a program of the type of the program that it becomes a part of, entered as
//! a global function is. One that traces a function sees the arguments that the other's types say, the context as the
//! kernel has it. The other program must itself be one that the kernel takes.
//!
//! Kernel: `bpf_check_attach_target`, `btf_check_type_match`, `btf_ctx_access` with `btf_translate_to_vmlinux`, 6.12.

use std::collections::BTreeSet;

use crate::abi::{AttachType, ProgType, context};
use crate::btf::{Btf, BtfId, FuncLinkage, Type};
use crate::isa::Reg;
use crate::object::{AttachProgram, Joint, Subprog};

use super::argument::ARGUMENTS;
use super::exception;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::global::GlobalArg;
use super::kfunc::kernel_context;
use super::memory::{Access, check_unmoved};
use super::outcome::{Env, FunctionFact, LogLevel};
use super::state::{Kind, Register, State, Trust};
use super::verify;

impl Verifier<'_> {
    /// The function that the program replaces, if it does.
    fn replaced(&self) -> Option<&AttachProgram> {
        let target = self.program.attach_program.as_ref();
        target.filter(|target| target.joint == Joint::Replaces)
    }

    /// Refuses a program that cannot attach to the function of the other program.
    pub(super) fn check_attach_program(&mut self, target: &AttachProgram) -> Check {
        let fact = self.target_fact(target)?;
        let (btf, func) = typed(target)?;
        let callback = exception::callback_of(&target.program).ok().flatten();
        let start = target.program.subprogs.get(target.subprog);
        let is_callback = callback.is_some() && callback == start.map(|subprog| subprog.start);
        match target.joint {
            _ if is_callback => {
                let what = match target.joint {
                    Joint::Replaces => "Extension",
                    Joint::Traces => "FENTRY/FEXIT",
                };
                Err(Fail::invalid(format!(
                    "{what} programs cannot attach to exception callback"
                )))
            }
            Joint::Replaces => self.check_replacement(target, fact, btf, func),
            Joint::Traces => {
                self.traced_fact = fact;
                match self.program.attach_type {
                    Some(AttachType::ModifyReturn) => {
                        Err(Fail::invalid("can't modify return codes of BPF programs"))
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }

    /// What is known of the function, once the program that has it was judged.
    fn target_fact(&self, target: &AttachProgram) -> Check<FunctionFact> {
        let env = Env {
            log_level: LogLevel::Failure,
            ..self.env.clone()
        };
        let name = &target.program.name;
        let judged = verify(&target.program, &env).map_err(|rejection| Fail {
            errno: rejection.errno,
            message: format!("the program that is attached to, {name}, is refused: {rejection}"),
            detail: None,
            appendix: None,
            unsupported: rejection.unsupported,
        })?;
        let fact = judged.functions.get(target.subprog).copied();
        Ok(fact.unwrap_or_default())
    }

    fn check_replacement(
        &self,
        target: &AttachProgram,
        fact: FunctionFact,
        btf: &Btf,
        func: BtfId,
    ) -> Check {
        if fact.unreliable {
            return Err(Fail::invalid("Cannot replace static functions"));
        }
        if self.changes_packet.first() == Some(&true) && !fact.changes_packet {
            return Err(Fail::invalid(
                "Extension program changes packet data, while original does not",
            ));
        }
        let traces = matches!(
            target.program.attach_type,
            Some(AttachType::TraceFentry | AttachType::TraceFexit)
        );
        match target.program.prog_type {
            ProgType::Ext => return Err(Fail::invalid("Cannot recursively attach")),
            ProgType::Tracing if traces => {
                return Err(Fail::invalid("Cannot extend fentry/fexit"));
            }
            other @ (ProgType::Tracing | ProgType::Lsm | ProgType::StructOps) => {
                let other = other.name();
                return Err(Fail::unsupported(format!(
                    "replacing functions of {other} programs"
                )));
            }
            _ => {}
        }
        let main = self.program.subprogs.first().and_then(|main| main.func);
        let (Some(ours), Some(main)) = (&self.program.btf, main) else {
            return Err(Fail::invalid("Program extension requires BTF"));
        };
        check_same_type((ours, main), (btf, func))
    }

    /// What an argument of the traced function of another program yields, or its result.
    pub(super) fn traced_argument(
        &mut self,
        target: &AttachProgram,
        off: u32,
        access: Access,
    ) -> Check<Option<Register>> {
        let (btf, func) = typed(target)?;
        let name = btf.ty(func).name();
        if !off.is_multiple_of(8) {
            let what = format!("func '{name}' offset {off} is not multiple of 8");
            return Err(Fail::access(what));
        }
        let index = (off / 8) as usize;
        let (params, result) = signature(btf, func);
        let known = !self.traced_fact.unreliable;
        let count = if known { params.len() } else { ARGUMENTS.len() };
        let is_result = index == count && self.program.attach_type == Some(AttachType::TraceFexit);
        if index > count || index == count && !is_result {
            let what = format!("func '{name}' doesn't have {}-th argument", index + 1);
            return Err(Fail::access(what));
        }
        if !known {
            return Ok(Some(Register::unknown()));
        }
        let ty = params.get(index).copied().unwrap_or(result);
        let to = match btf.resolved(ty) {
            Type::Ptr { to } => to,
            Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) | Type::Struct(_) => {
                return Ok(Some(Register::unknown()));
            }
            _ => {
                let what = btf.type_name(ty);
                return Err(Fail::access(format!(
                    "func '{name}' arg{index} '{what}' has no type that programs may read"
                )));
            }
        };
        if access.size != 8 {
            let size = access.size;
            let what = format!("func '{name}' size {size} must be 8");
            return Err(Fail::access(what));
        }
        if to == BtfId::VOID || matches!(btf.resolved(to), Type::Int { .. }) {
            return Ok(Some(Register::unknown()));
        }
        self.traced_context(target, btf, to)
    }

    /// The context of the traced program, as the kernel has it; of nothing else can it say what it is.
    fn traced_context(
        &self,
        target: &AttachProgram,
        btf: &Btf,
        pointee: BtfId,
    ) -> Check<Option<Register>> {
        let prog_type = target.program.prog_type;
        let context = context::of_attached(prog_type, target.program.attach_type);
        if context.name.is_empty() || btf.resolved(pointee).name() != context.name {
            return Ok(None);
        }
        let Some(name) = kernel_context(prog_type) else {
            let what = prog_type.name();
            return Err(Fail::unsupported(format!(
                "tracing the context of {what} programs"
            )));
        };
        let pointer = Kind::Btf(self.kernel_struct(name)?, Trust::Plain);
        Ok(Some(Register::pointer(pointer)))
    }
}

/// What programs that attach to this one have to know of its functions.
impl Verifier<'_> {
    /// The state in which the program is entered: with its context, or as the function that it replaces.
    pub(super) fn main_entry(&mut self) -> Check<State> {
        if self.replaced().is_some() {
            return self.global_entry(0);
        }
        if self.plain_args(0) != Some(vec![GlobalArg::Ctx]) {
            self.unreliable.insert(0);
        }
        let mut state = State::new(0, self.new_activation());
        *state.reg_mut(Reg::R1) = Register::pointer(Kind::Ctx);
        Ok(state)
    }

    /// What the prototype of a function that is judged with its callers says it takes, if these are numbers and
    /// contexts alone and it gives a number.
    fn plain_args(&self, subprog: usize) -> Option<Vec<GlobalArg>> {
        let btf = self.program.btf.as_ref()?;
        let (params, result) = self.prototype(subprog)?;
        let is_number = |ty| {
            matches!(
                btf.resolved(ty),
                Type::Int { .. } | Type::Enum(_) | Type::Enum64(_)
            )
        };
        let arg = |ty| match btf.resolved(ty) {
            Type::Ptr { to } => self
                .is_context_type(btf.ty(btf.resolve(to)).name(), to)
                .then_some(GlobalArg::Ctx),
            _ => is_number(ty).then_some(GlobalArg::Scalar),
        };
        let fits = is_number(result) && params.len() <= ARGUMENTS.len();
        fits.then(|| params.into_iter().map(arg).collect())?
    }

    /// Whether the function that is about to be called is given what its prototype says.
    pub(super) fn has_plain_args(&self, subprog: usize) -> bool {
        let Some(args) = self.plain_args(subprog) else {
            return false;
        };
        ARGUMENTS.into_iter().zip(args).all(|(reg, arg)| {
            let register = self.cur.reg(reg);
            match arg {
                GlobalArg::Scalar => register.is_scalar(),
                _ => register.kind == Kind::Ctx && check_unmoved(reg, register, "ctx").is_ok(),
            }
        })
    }

    /// What programs that attach to the functions have to know of them.
    pub(super) fn function_facts(&self) -> Vec<FunctionFact> {
        let fact = |subprog: &Subprog| {
            let index = self.flow.subprog_at(subprog.start);
            let is = |list: &BTreeSet<usize>| index.is_some_and(|index| list.contains(&index));
            FunctionFact {
                unreliable: is(&self.unreliable) || is(&self.callbacks.all),
                changes_packet: index
                    .and_then(|index| self.changes_packet.get(index))
                    .is_some_and(|changes| *changes),
            }
        };
        self.program.subprogs.iter().map(fact).collect()
    }
}

/// The types of the program that has the function, and the function in them.
fn typed(target: &AttachProgram) -> Check<(&Btf, BtfId)> {
    let func = target.program.subprogs.get(target.subprog);
    let func = func.and_then(|subprog| subprog.func);
    target.program.btf.as_deref().zip(func).ok_or_else(|| {
        Fail::invalid(
            "FENTRY/FEXIT program can only be attached to another program annotated with BTF",
        )
    })
}

/// Types of the parameters and of the result.
fn signature(btf: &Btf, func: BtfId) -> (Vec<BtfId>, BtfId) {
    let Type::Func { proto, .. } = btf.ty(func) else {
        return (Vec::new(), BtfId::VOID);
    };
    match btf.ty(proto) {
        Type::FuncProto { ret, params } => (params.iter().map(|param| param.ty).collect(), ret),
        _ => (Vec::new(), BtfId::VOID),
    }
}

/// A function in some types.
type Function<'a> = (&'a Btf, BtfId);

/// Whether one function may stand for another: both global, of the same arguments and result, as far as these are
/// numbers and contexts.
fn check_same_type(ours: Function<'_>, theirs: Function<'_>) -> Check {
    let names = [ours, theirs].map(|(btf, func)| btf.ty(func).name());
    for ((btf, func), name) in [ours, theirs].into_iter().zip(names) {
        let is_global = matches!(
            btf.ty(func),
            Type::Func {
                linkage: FuncLinkage::Global,
                ..
            }
        );
        if !is_global {
            let what = format!("{name}() is not a global function");
            return Err(Fail::invalid(what));
        }
    }
    let [mine, other] = names;
    let (our_params, our_result) = signature(ours.0, ours.1);
    let (their_params, their_result) = signature(theirs.0, theirs.1);
    let (count, other_count) = (our_params.len(), their_params.len());
    if count != other_count {
        return Err(Fail::invalid(format!(
            "{mine}() has {count} args while {other}() has {other_count} args"
        )));
    }
    let results = [ours.0.resolved(our_result), theirs.0.resolved(their_result)];
    if shape(&results[0]) != shape(&results[1]) {
        let [kind, other_kind] = results.map(|ty| kind_text(&ty));
        return Err(Fail::invalid(format!(
            "Return type {kind} of {mine}() doesn't match type {other_kind} of {other}()"
        )));
    }
    let params = our_params.into_iter().zip(their_params).enumerate();
    for (index, (param, other)) in params {
        check_same_argument(index, names, (ours.0, param), (theirs.0, other))?;
    }
    Ok(())
}

fn check_same_argument(
    index: usize,
    [mine, other]: [&str; 2],
    (btf, param): Function<'_>,
    (other_btf, other_param): Function<'_>,
) -> Check {
    let (ty, other_ty) = (btf.resolved(param), other_btf.resolved(other_param));
    if shape(&ty) != shape(&other_ty) {
        let (kind, other_kind) = (kind_text(&ty), kind_text(&other_ty));
        return Err(Fail::invalid(format!(
            "arg{index} in {mine}() is {kind} while {other}() has {other_kind}"
        )));
    }
    let sizes = match (&ty, &other_ty) {
        (Type::Ptr { .. }, _) => (None, None),
        _ => (btf.size_of(param), other_btf.size_of(other_param)),
    };
    if let (Some(size), Some(other_size)) = sizes
        && size != other_size
    {
        return Err(Fail::invalid(format!(
            "arg{index} in {mine}() has size {size} while {other}() has {other_size}"
        )));
    }
    let (to, other_to) = match (ty, other_ty) {
        (Type::Int { .. } | Type::Enum(_) | Type::Enum64(_), _) => return Ok(()),
        (Type::Ptr { to }, Type::Ptr { to: other_to }) => (to, other_to),
        _ => {
            return Err(Fail::invalid(format!(
                "arg{index} in {mine}() has unrecognized type"
            )));
        }
    };
    let pointees = [btf.resolved(to), other_btf.resolved(other_to)];
    for (pointee, function) in pointees.iter().zip([mine, other]) {
        if !matches!(pointee, Type::Struct(_)) {
            return Err(Fail::invalid(format!(
                "arg{index} in {function}() is not a pointer to context"
            )));
        }
    }
    let [context, other_context] = pointees.map(|ty| ty.name());
    match context == other_context {
        true => Ok(()),
        false => Err(Fail::invalid(format!(
            "arg{index} {mine}(struct {context} *) doesn't match {other}(struct {other_context} *)"
        ))),
    }
}

/// What the kernel compares of types: the kind, how many members or values they have, and a flag.
fn shape(ty: &Type<'_>) -> (&'static str, usize, bool) {
    let (members, flag) = match ty {
        Type::Struct(one) | Type::Union(one) => (one.members.iter().count(), false),
        Type::Enum(one) | Type::Enum64(one) => (one.values.iter().count(), one.signed),
        _ => (0, false),
    };
    (kind_text(ty), members, flag)
}

/// The kernel's word for a kind of type.
fn kind_text(ty: &Type<'_>) -> &'static str {
    match ty {
        Type::Void => "UNKNOWN",
        Type::Int { .. } => "INT",
        Type::Ptr { .. } => "PTR",
        Type::Array { .. } => "ARRAY",
        Type::Struct(_) => "STRUCT",
        Type::Union(_) => "UNION",
        Type::Enum(_) => "ENUM",
        Type::Enum64(_) => "ENUM64",
        Type::Fwd { .. } => "FWD",
        Type::Float { .. } => "FLOAT",
        _ => "(anon)",
    }
}
