//! The arena: memory that a program shares with user space, whose pointers no path can go wrong with.
//!
//! A pointer into it has 32 bits: what it points to lies in a window of 4 GiB, and where that has no page, loads read zero
//! and stores are lost. So nothing is tracked of such a pointer, and any arithmetic with one gives another.
//!
//! Kernel: `resolve_pseudo_ldimm64`, `check_alu_op`, `check_mem_access` and `convert_ctx_accesses` in
//! kernel/bpf/verifier.c, 6.12, by what they accept and refuse.

use crate::abi::MapType;
use crate::isa::{AddrSpaceCast, AtomicOp, Extend, Fetch, Insn, Reg};

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::outcome::{AccessKind, Errno};
use super::state::{Kind, MapRef, Register};

/// Bytes of a page.
const PAGE: u64 = 4096;

impl Verifier<'_> {
    /// Judges a reference to a map: a program has one arena at most, and only who may see addresses has one.
    pub(super) fn check_arena(&mut self, map: MapRef) -> Check {
        if self.map_spec(map).map_type != MapType::Arena {
            return Ok(());
        }
        match self.arena {
            Some(arena) if arena != map => {
                return Err(Fail::new(Errno::Busy, "Only one arena per program"));
            }
            Some(_) | None => {}
        }
        if !self.rights.may_leak || !self.rights.is_capable {
            let reason = "CAP_BPF and CAP_PERFMON are required to use arena";
            return Err(Fail::new(Errno::Permission, reason));
        }
        self.arena = Some(map);
        Ok(())
    }

    /// The address of a variable of the arena is a number: the one that user space knows it by.
    pub(super) fn arena_address(&self, map: MapRef, off: u32) -> Check<Register> {
        let len = u64::from(self.map_spec(map).max_entries) * PAGE;
        if u64::from(off) > len {
            let reason = format!("invalid access to map value pointer, value_size=0 off={off}");
            return Err(Fail::new(Errno::OutOfRange, reason));
        }
        Ok(Register::unknown())
    }

    /// Whatever is cast: towards the kernel a pointer comes of it, towards user space a number.
    pub(super) fn check_cast(&mut self, cast: AddrSpaceCast, dst: Reg, src: Reg) -> Check {
        self.read_reg(src)?;
        self.check_writable(dst)?;
        if self.arena.is_none() {
            return Err(Fail::invalid(
                "addr_space_cast insn can only be used in a program that has an associated arena",
            ));
        }
        let result = match cast {
            AddrSpaceCast::ToKernel => Register::pointer(Kind::Arena),
            AddrSpaceCast::ToArena => Register::unknown(),
        };
        self.write_reg(dst, result);
        Ok(())
    }

    /// Arithmetic with a pointer into the arena: the kernel makes 32-bit arithmetic of it.
    pub(super) fn arena_arithmetic(&mut self) -> Register {
        self.facts[self.pc.index()].computes_in_arena = true;
        Register::pointer(Kind::Arena)
    }

    pub(super) fn check_arena_access(&mut self) -> Check<Register> {
        self.note_access(AccessKind::Arena)?;
        Ok(Register::unknown())
    }

    /// Sign-extending loads are refused once every path is judged.
    pub(super) fn check_arena_loads(&self) -> Check {
        let is_signed = |insn: &Insn| {
            matches!(
                insn,
                Insn::Load {
                    extend: Extend::Sign,
                    ..
                }
            )
        };
        let mut loads = self.insns.iter().zip(&self.facts);
        match loads.any(|(insn, fact)| fact.access == Some(AccessKind::Arena) && is_signed(insn)) {
            true => Err(Fail::new(
                Errno::NoOperation,
                "sign extending loads from arena are not supported yet",
            )),
            false => Ok(()),
        }
    }
}

/// Whether an atomic operation takes a loop on x86-64, which cannot recover from a page that is not there.
pub(super) fn is_loop(op: AtomicOp) -> bool {
    match op {
        AtomicOp::Or(fetch) | AtomicOp::And(fetch) | AtomicOp::Xor(fetch) => fetch == Fetch::Yes,
        AtomicOp::Add(_) | AtomicOp::Xchg | AtomicOp::Cmpxchg => false,
    }
}

/// What a global function takes as a pointer into the arena: one, or a number that it may cast itself.
pub(super) fn check_argument(reg: Reg, register: &Register) -> Check {
    if matches!(register.kind, Kind::Arena | Kind::Scalar) {
        return Ok(());
    }
    let number = reg.number();
    Err(Fail::invalid(format!(
        "R{number} is not a pointer to arena or scalar"
    )))
}
