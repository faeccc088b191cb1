//! Loads from the packet in the way of classic BPF, which end the function where they fail.
//!
//! In the program itself such an end is of no interest; a function gives 0 then, so that it must
//! be one that returns a number. The same is true of tail calls.
//!
//! Kernel: `check_ld_abs`, `check_abnormal_return` and `check_btf_func` in kernel/bpf/verifier.c, 6.12.

use crate::abi::ProgType;
use crate::btf::Type;
use crate::isa::{CallTarget, Insn, LegacyMode, Pc, Reg};

use super::explore::{Flowing, Verifier};
use super::fail::{Check, Fail};
use super::helper::TAIL_CALL;
use super::memory::check_unmoved;
use super::state::{Kind, Register};

impl Verifier<'_> {
    pub(super) fn check_legacy_load(&mut self, pc: Pc, mode: LegacyMode) -> Check<Flowing> {
        if !matches!(
            self.program.prog_type,
            ProgType::SocketFilter | ProgType::SchedCls | ProgType::SchedAct
        ) {
            return Err(Fail::invalid(
                "BPF_LD_[ABS|IND] instructions not allowed for this program type",
            ));
        }
        let skb = self.read_reg(Reg::R6)?;
        if !self.cur.refs.is_empty() {
            return Err(Fail::invalid(
                "BPF_LD_[ABS|IND] cannot be mixed with socket references",
            ));
        }
        self.check_outside_sections("BPF_LD_[ABS|IND]")?;
        if skb.kind != Kind::Ctx {
            return Err(Fail::invalid(
                "at the time of BPF_LD_ABS|IND R6 != pointer to skb",
            ));
        }
        if let LegacyMode::Ind(reg) = mode {
            self.read_reg(reg)?;
        }
        check_unmoved(Reg::R6, &skb, "ctx")?;
        self.clobber_arguments();
        self.write_reg(Reg::R0, Register::unknown());
        if self.cur.frames.len() == 1 {
            return Ok(Flowing::To(pc.next()));
        }
        self.push_branch(self.cur.clone(), pc.next(), pc)?;
        self.write_reg(Reg::R0, Register::constant(0));
        self.leave_function()
    }

    /// Refuses functions that may end early, unless they return a number.
    pub(super) fn check_early_ends(&self) -> Check {
        for subprog in 1..self.flow.starts.len() {
            let range = self.flow.starts[subprog].index()..self.flow.end_of(subprog).index();
            let insns = self.insns.get(range).unwrap_or_default();
            // The kernel looks for the one before it looks for the other.
            for what in [EarlyEnd::LegacyLoad, EarlyEnd::TailCall] {
                if insns.iter().any(|insn| what.is(insn)) {
                    self.check_returns_number(subprog, what)?;
                }
            }
        }
        Ok(())
    }

    fn check_returns_number(&self, subprog: usize, what: EarlyEnd) -> Check {
        let name = what.name();
        let (Some((_, result)), Some(btf)) = (self.prototype(subprog), &self.program.btf) else {
            return Err(Fail::invalid(format!(
                "{name} is not allowed in subprogs without BTF"
            )));
        };
        match btf.resolved(result) {
            Type::Int { .. } | Type::Enum(_) | Type::Enum64(_) => Ok(()),
            _ => Err(Fail::invalid(format!(
                "{name} is only allowed in functions that return 'int'."
            ))),
        }
    }
}

/// What may end a function early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyEnd {
    LegacyLoad,
    TailCall,
}

impl EarlyEnd {
    /// As messages call it.
    fn name(self) -> &'static str {
        match self {
            EarlyEnd::LegacyLoad => "LD_ABS",
            EarlyEnd::TailCall => "tail_call",
        }
    }

    fn is(self, insn: &Insn) -> bool {
        match (self, insn) {
            (EarlyEnd::LegacyLoad, Insn::LegacyLoad { .. }) => true,
            (EarlyEnd::TailCall, Insn::Call(CallTarget::Helper(number))) => {
                u32::try_from(*number) == Ok(TAIL_CALL)
            }
            (EarlyEnd::LegacyLoad | EarlyEnd::TailCall, _) => false,
        }
    }
}
