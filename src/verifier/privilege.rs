//! What whoever loads a program may make it do.
//!
//! Without privileges a program may neither loop nor call functions, nor let anybody learn an
//! address or what was left on the stack, be it by speculation. The rules stand where they apply;
//! here is which of them do.
//!
//! Kernel: `bpf_prog_load` in kernel/bpf/syscall.c, `bpf_check` in kernel/bpf/verifier.c and
//! `bpf_allow_ptr_leaks` and its like in include/linux/bpf.h, 6.12.

use crate::abi::privilege::{Capability, LoadFlags, Loader, needed_for};
use crate::isa::{CallTarget, Imm64, Insn, Pc, Reg};
use crate::object::Program;

use super::MAX_INSNS;
use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::outcome::{Env, Errno};
use super::scalar::{Scalar, Violation};
use super::state::Register;

/// The most instructions a program may have without `CAP_BPF` (`BPF_MAXINSNS`).
const MAX_UNPRIVILEGED_INSNS: usize = 4096;

/// What a program may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    /// Whether it may loop and call functions, and exploring it may take as long as it takes
    /// (`bpf_capable`).
    pub(super) is_capable: bool,
    /// Whether it may learn and give away addresses (`allow_ptr_leaks`).
    pub(super) may_leak: bool,
    /// Whether it may read stack that was never written (`allow_uninit_stack`).
    pub(super) may_read_uninit: bool,
    /// Whether nobody cares what it does in speculation (`bypass_spec_v1`).
    pub(super) may_speculate: bool,
    /// Whether everything must be aligned (`strict_alignment`).
    pub(super) is_strict: bool,
    /// Whether a state is stored wherever one may be (`test_state_freq`).
    pub(super) stores_often: bool,
    /// Whether a number with contradicting ranges is an error (`test_reg_invariants`).
    pub(super) checks_invariants: bool,
}

impl Rights {
    pub(super) fn of(loader: &Loader) -> Rights {
        let is_capable = loader.capabilities.has(Capability::Bpf);
        let sees_memory = loader.capabilities.has(Capability::Perfmon);
        let has = |flag: LoadFlags| loader.flags.contains(flag);
        Rights {
            is_capable,
            may_leak: sees_memory,
            may_read_uninit: sees_memory,
            may_speculate: sees_memory,
            is_strict: has(LoadFlags::STRICT_ALIGNMENT) && !has(LoadFlags::ANY_ALIGNMENT),
            stores_often: is_capable && has(LoadFlags::TEST_STATE_FREQ),
            checks_invariants: is_capable && has(LoadFlags::TEST_REG_INVARIANTS),
        }
    }

    /// Forgets ranges that contradict each other, as they do on a way that nothing takes; `place` is
    /// where (`reg_bounds_sanity_check`).
    pub(super) fn mend(&self, value: &mut Scalar, place: &str) -> Check {
        let Some(violation) = value.find_violation() else {
            return Ok(());
        };
        if self.checks_invariants {
            return Err(Fail::new(Errno::Fault, broken(value, place, violation)));
        }
        value.forget_bounds();
        Ok(())
    }
}

/// What the kernel says of such ranges.
fn broken(value: &Scalar, place: &str, violation: Violation) -> String {
    let Scalar {
        umin,
        umax,
        smin,
        smax,
        u32_min,
        u32_max,
        s32_min,
        s32_max,
        tnum,
    } = value;
    format!(
        "REG INVARIANTS VIOLATION ({place}): {violation} u64=[{umin:#x}, {umax:#x}] \
         s64=[{smin:#x}, {smax:#x}] u32=[{u32_min:#x}, {u32_max:#x}] \
         s32=[{s32_min:#x}, {s32_max:#x}] var_off={tnum}"
    )
}

/// Refuses what the loader may not even ask the verifier about.
pub(super) fn check_loader(program: &Program, env: &Env) -> Check {
    let capabilities = env.loader.capabilities;
    let limit = match capabilities.has(Capability::Bpf) {
        true => MAX_INSNS,
        false => MAX_UNPRIVILEGED_INSNS,
    };
    let count = program.code.len();
    if count > limit {
        let reason = format!("the program has {count} instructions, over {limit}");
        return Err(Fail::new(Errno::TooBig, reason));
    }
    let mut needed = needed_for(program.prog_type).iter();
    if let Some(missing) = needed.find(|one| !capabilities.has(**one)) {
        let name = program.prog_type.name();
        let reason = format!("loading programs of type {name} takes {missing}");
        return Err(Fail::new(Errno::Permission, reason));
    }
    Ok(())
}

/// Refuses calls of, and references to, functions other than helpers.
pub(super) fn check_functions(insns: &[Insn], rights: &Rights) -> Result<(), (Pc, Fail)> {
    let is_call = |insn: &Insn| {
        matches!(
            insn,
            Insn::Call(CallTarget::Local(_) | CallTarget::Kfunc { .. })
                | Insn::LoadImm64 {
                    value: Imm64::Func(_),
                    ..
                }
        )
    };
    let mut calls = (0..).map(Pc).zip(insns).filter(|(_, insn)| is_call(insn));
    match calls.next() {
        Some((pc, _)) if !rights.is_capable => Err((
            pc,
            Fail::new(
                Errno::Permission,
                "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN",
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

impl Verifier<'_> {
    /// Whether the register is a pointer that must stay secret.
    pub(super) fn is_secret(&self, register: &Register) -> bool {
        !self.rights.may_leak && !register.is_scalar()
    }

    /// Refuses to make a number of a pointer that must stay secret.
    pub(super) fn check_public(&self, reg: Reg, register: &Register, refusal: &str) -> Check {
        match self.is_secret(register) {
            true => Err(Fail::access(format!("R{} {refusal}", reg.number()))),
            false => Ok(()),
        }
    }

    /// Refuses to let a pointer go where somebody can read it.
    pub(super) fn check_leak(&self, reg: Reg, into: &str) -> Check {
        if self.is_secret(self.cur.reg(reg)) {
            let number = reg.number();
            return Err(Fail::access(format!("R{number} leaks addr {into}")));
        }
        Ok(())
    }

    /// Refuses to read what only those may who may see the kernel's memory.
    pub(super) fn check_sees_memory(&self, structure: &str) -> Check {
        if self.rights.may_leak {
            return Ok(());
        }
        Err(Fail::new(
            Errno::Permission,
            format!("'struct {structure}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN"),
        ))
    }

    /// Refuses a tail call whose map is another on another path: what masks its index could not
    /// know which.
    pub(super) fn check_tail_calls(&self) -> Check {
        match self.mixed_tail_call {
            true if !self.rights.may_speculate => Err(Fail::invalid("tail_call abusing map_ptr")),
            true | false => Ok(()),
        }
    }
}
