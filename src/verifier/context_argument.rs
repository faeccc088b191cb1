//! Arguments of global functions that are tagged `arg:ctx`: what they may be declared to be.
//!
//! The tag makes any pointer the context, so its type must be the one that the context has in this type of
//! program, or `void`. Tracepoints and system call programs have no structure that could be asked for.
//!
//! Kernel: `btf_validate_prog_ctx_type` in kernel/bpf/btf.c, 6.12.

use crate::abi::{AttachType, ProgType};
use crate::btf::{Btf, BtfId, Type};

use super::explore::Verifier;
use super::fail::{Check, Fail};

impl Verifier<'_> {
    /// Judges the type that a context is pointed to by, in argument `index`.
    pub(super) fn check_context_type(&self, btf: &Btf, index: usize, to: BtfId) -> Check {
        let pointee = btf.resolve(to);
        let anything = matches!(
            self.program.prog_type,
            ProgType::Tracepoint | ProgType::Syscall | ProgType::Ext
        );
        if pointee == BtfId::VOID || self.is_user_registers(btf, to) {
            return Ok(());
        }
        let ty = btf.ty(pointee);
        if ty.name().is_empty() {
            let reason = format!("arg#{index} type doesn't have a name");
            return Err(Fail::invalid(reason));
        }
        if anything || self.is_other_context(&ty) {
            return Ok(());
        }
        let structure = match self.program.prog_type {
            ProgType::Tracing | ProgType::Lsm | ProgType::StructOps | ProgType::LircMode2 => {
                return Err(Fail::invalid(format!("arg#{index} should be void pointer")));
            }
            _ => self.context.name,
        };
        match ty {
            Type::Struct(_) if ty.name() == structure => Ok(()),
            _ => Err(Fail::invalid(format!(
                "arg#{index} should be `struct {structure} *`"
            ))),
        }
    }

    /// Whether it is the name that programs on registers call them by on every machine.
    fn is_user_registers(&self, btf: &Btf, to: BtfId) -> bool {
        let on_registers = matches!(
            self.program.prog_type,
            ProgType::Kprobe | ProgType::PerfEvent
        );
        let mut named = to;
        while let Type::Const { to } | Type::Volatile { to } | Type::Restrict { to } = btf.ty(named)
        {
            named = to;
        }
        let is_alias = matches!(btf.ty(named), Type::Typedef { .. });
        on_registers && is_alias && btf.ty(named).name() == "bpf_user_pt_regs_t"
    }

    /// What a context may be called instead: registers, the numbers that it consists of, what an iterator shows.
    fn is_other_context(&self, ty: &Type<'_>) -> bool {
        let is_structure = matches!(ty, Type::Struct(_));
        let is_number = matches!(ty, Type::Int { size: 8, .. });
        match (self.program.prog_type, self.program.attach_type) {
            (ProgType::Kprobe | ProgType::PerfEvent, _) => is_structure && ty.name() == "pt_regs",
            (ProgType::Tracing, Some(AttachType::TraceRawTp)) => {
                is_number || is_structure && ty.name() == "bpf_raw_tracepoint_args"
            }
            (ProgType::Tracing, Some(AttachType::TraceIter)) => {
                is_structure && ty.name().starts_with("bpf_iter__")
            }
            (
                ProgType::RawTracepoint
                | ProgType::RawTracepointWritable
                | ProgType::Tracing
                | ProgType::Lsm
                | ProgType::StructOps,
                _,
            ) => is_number,
            _ => false,
        }
    }
}
