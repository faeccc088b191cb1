//! Whether an instruction does something that hangs on the number a pointer is.
//!
//! A privileged program may do that, and then it does something else wherever things lie
//! elsewhere. It judges nothing. Parts of pointers that a helper copies or a narrow load takes
//! from the stack are not seen.

use crate::isa::{AluOp, Insn, JumpOp, Operand, Reg, Size, Width};

use super::state::{Kind, Register, State};

/// Whether what `insn` does in `state` differs from one address of its operands to another.
pub(super) fn is_shown(state: &State, insn: &Insn) -> bool {
    let is_pointer = |reg: Reg| state.reg(reg).is_pointer();
    match *insn {
        Insn::Alu {
            width,
            op,
            dst,
            src,
        } => {
            let from = matches!(src, Operand::Reg(src) if is_pointer(src));
            let to = op != AluOp::Mov && is_pointer(dst);
            let is_moved = matches!(op, AluOp::Mov | AluOp::Add | AluOp::Sub);
            (from || to) && (width == Width::W32 || !is_moved || from && to)
        }
        Insn::Neg { dst, .. } | Insn::Endian { dst, .. } => is_pointer(dst),
        Insn::MovSx { src, .. } => is_pointer(src),
        Insn::JumpIf {
            width,
            op,
            dst,
            src,
            ..
        } => {
            let right = match src {
                Operand::Reg(src) => *state.reg(src),
                Operand::Imm(imm) => Register::constant(i64::from(imm).cast_unsigned()),
            };
            is_compared(width, op, state.reg(dst), &right)
        }
        Insn::Store {
            size, base, src, ..
        } => {
            let leaves = size != Size::DW || !matches!(state.reg(base).kind, Kind::Stack(_));
            leaves && matches!(src, Operand::Reg(src) if is_pointer(src))
        }
        Insn::Atomic { src, .. } => is_pointer(src),
        Insn::Exit => state.frames.len() == 1 && is_pointer(Reg::R0),
        Insn::AddrSpaceCast { .. }
        | Insn::LoadImm64 { .. }
        | Insn::Imm64High
        | Insn::Load { .. }
        | Insn::LegacyLoad { .. }
        | Insn::Jump { .. }
        | Insn::MayGoto { .. }
        | Insn::Call(_) => false,
    }
}

/// Whether a comparison is of addresses, neither of a pointer with null nor within a packet.
fn is_compared(width: Width, op: JumpOp, left: &Register, right: &Register) -> bool {
    let is_null = |register: &Register| register.const_scalar() == Some(0);
    let is_packet = |register: &Register| {
        matches!(
            register.kind,
            Kind::Packet | Kind::PacketMeta | Kind::PacketEnd
        )
    };
    if !left.is_pointer() && !right.is_pointer() {
        return false;
    }
    let asks_null = matches!(op, JumpOp::Eq | JumpOp::Ne) && (is_null(left) || is_null(right));
    width == Width::W32 || !(asks_null || is_packet(left) && is_packet(right))
}
