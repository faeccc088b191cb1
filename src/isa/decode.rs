//! From raw slots to [`Insn`], refusing what Linux 6.12 refuses about an encoding.
//!
//! It judges single instructions: whether jumps land, registers hold values or a call exists is the
//! verifier's business. So is refusing the writes to `r10` and the `callx` that decode here.
//!
//! Rules:
//! - The sentences are the kernel's. It looks for unknown opcodes, misused loads and broken 64-bit
//!   immediates in the whole program before anything else; [`decode_program`] keeps that order.
//! - The kernel ignores `off` of `exit` and the upper immediate of a subprogram's address; they
//!   are accepted and forgotten. Every other accepted encoding survives decoding and encoding.
//! - The register of `callx` stands in `dst`, where LLVM puts it since version 19.

use super::code::{class, jump, mode, pseudo};
use super::{
    AddrSpaceCast, AluOp, AtomicOp, ByteOrder, CallTarget, Extend, Fetch, Imm64, Insn, JumpForm,
    JumpOp, LegacyMode, Operand, Pc, RawInsn, Reg, Size, Width, code,
};

/// Why a slot is no instruction, in the kernel's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No instruction of Linux 6.12 has this opcode.
    #[error("unknown opcode {opcode:02x}")]
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// The second slot of a 64-bit immediate is missing or isn't one.
    #[error("invalid bpf_ld_imm64 insn")]
    BrokenImm64,
    /// The source register of a 64-bit immediate names no kind of it, or the kind has no upper half.
    #[error("unrecognized bpf_ld_imm64 insn")]
    UnknownImm64,
    /// A field that must be zero isn't, or holds a value without meaning.
    #[error("{family} uses reserved fields")]
    ReservedFields {
        /// Which instructions.
        family: Family,
    },
    /// The register does not exist.
    #[error("R{number} is invalid")]
    InvalidRegister {
        /// Its number.
        number: u8,
    },
    /// Division or remainder by the immediate 0.
    #[error("div by zero")]
    DivByZero,
    /// Shift by an immediate that is negative or not less than the width.
    #[error("invalid shift {count}")]
    InvalidShift {
        /// The immediate.
        count: i32,
    },
    /// The immediate names no atomic operation.
    #[error("BPF_ATOMIC uses invalid atomic opcode {imm:02x}")]
    InvalidAtomicOp {
        /// The immediate.
        imm: i32,
    },
    /// An address-space cast with another immediate than 1 or `1 << 16`.
    #[error("addr_space_cast insn can only convert between address space 1 and 0")]
    InvalidAddrSpace,
    /// A `may_goto` with registers or an immediate.
    #[error("invalid may_goto off {off} imm {imm}")]
    InvalidMayGoto {
        /// How far it jumps.
        off: i16,
        /// The immediate.
        imm: i32,
    },
}

/// Instructions that share a message about reserved fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Two-operand arithmetic other than moves.
    Alu,
    /// Negation.
    Neg,
    /// Byte swaps.
    End,
    /// Moves.
    Mov,
    /// Loads.
    Ldx,
    /// Stores of an immediate.
    St,
    /// Stores of a register.
    Stx,
    /// Conditional jumps.
    Jmp,
    /// Unconditional jumps.
    Ja,
    /// Calls.
    Call,
    /// Exit.
    Exit,
    /// Legacy packet loads.
    LdAbsInd,
    /// 64-bit immediates.
    LdImm64,
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Family::Alu => "BPF_ALU",
            Family::Neg => "BPF_NEG",
            Family::End => "BPF_END",
            Family::Mov => "BPF_MOV",
            Family::Ldx => "BPF_LDX",
            Family::St => "BPF_ST",
            Family::Stx => "BPF_STX",
            Family::Jmp => "BPF_JMP/JMP32",
            Family::Ja => "BPF_JA",
            Family::Call => "BPF_CALL",
            Family::Exit => "BPF_EXIT",
            Family::LdAbsInd => "BPF_LD_[ABS|IND]",
            Family::LdImm64 => "BPF_LD_IMM64",
        })
    }
}

/// Decodes a whole program, one entry a slot.
///
/// The error names the first slot the kernel would complain about if it visited all in order.
pub fn decode_program(raw: &[RawInsn]) -> Result<Vec<Insn>, (Pc, DecodeError)> {
    let slots = (0..).map(Pc).zip(decode_slots(raw)?);
    slots
        .map(|(pc, slot)| slot.map_err(|error| (pc, error)))
        .collect()
}

/// Decodes every slot of a program by itself.
///
/// The outer error is one that the kernel finds before it visits any instruction; the inner ones
/// it finds only in instructions that some path reaches.
pub fn decode_slots(raw: &[RawInsn]) -> Result<Vec<Result<Insn, DecodeError>>, (Pc, DecodeError)> {
    let slots = || (0..).map(Pc).zip(raw.iter().copied());
    let following = |pc: Pc| raw.get(pc.next().index()).copied();
    let mut high = false;
    for (pc, slot) in slots() {
        if !std::mem::take(&mut high) {
            check_shape(slot, following(pc)).map_err(|error| (pc, error))?;
            high = slot.opcode == code::LD_IMM64;
        }
    }
    let mut is_high = false;
    Ok(slots()
        .map(|(pc, slot)| {
            if std::mem::take(&mut is_high) {
                return Ok(Insn::Imm64High);
            }
            is_high = slot.opcode == code::LD_IMM64;
            decode(slot, following(pc))
        })
        .collect())
}

/// Decodes one instruction; `next` is the slot after it, which only a 64-bit immediate reads.
pub fn decode(raw: RawInsn, next: Option<RawInsn>) -> Result<Insn, DecodeError> {
    check_shape(raw, next)?;
    match raw.opcode & code::CLASS {
        class::LD if raw.opcode == code::LD_IMM64 => load_imm64(raw, next),
        class::LD => legacy_load(raw),
        class::LDX => load(raw),
        class::ST | class::STX if raw.opcode & code::MODE == mode::ATOMIC => atomic(raw),
        class::ST | class::STX => store(raw),
        class::ALU => alu(raw, Width::W32),
        class::ALU64 => alu(raw, Width::W64),
        class::JMP32 => jmp(raw, Width::W32),
        _ => jmp(raw, Width::W64),
    }
}

/// What the kernel checks in a program before it looks at what the instructions do.
fn check_shape(raw: RawInsn, next: Option<RawInsn>) -> Result<(), DecodeError> {
    let memory = matches!(raw.opcode & code::MODE, mode::MEM | mode::MEMSX);
    if raw.opcode & code::CLASS == class::LDX && (!memory || raw.imm != 0) {
        return Err(reserved(Family::Ldx));
    }
    if raw.opcode == code::LD_IMM64 {
        return check_imm64(raw, next);
    }
    if code::is_known(raw.opcode) {
        Ok(())
    } else {
        Err(DecodeError::UnknownOpcode { opcode: raw.opcode })
    }
}

fn check_imm64(raw: RawInsn, next: Option<RawInsn>) -> Result<(), DecodeError> {
    let high = match next {
        Some(RawInsn {
            opcode: 0,
            dst: 0,
            src: 0,
            off: 0,
            imm,
        }) => imm,
        _ => return Err(DecodeError::BrokenImm64),
    };
    match raw.src {
        pseudo::VALUE | pseudo::BTF_ID | pseudo::FUNC => Ok(()),
        pseudo::MAP_VALUE | pseudo::MAP_IDX_VALUE => Ok(()),
        pseudo::MAP_FD | pseudo::MAP_IDX if high == 0 => Ok(()),
        _ => Err(DecodeError::UnknownImm64),
    }
}

fn load_imm64(raw: RawInsn, next: Option<RawInsn>) -> Result<Insn, DecodeError> {
    let high = next.ok_or(DecodeError::BrokenImm64)?.imm;
    if raw.off != 0 {
        return Err(reserved(Family::LdImm64));
    }
    let value = match raw.src {
        pseudo::VALUE => Imm64::Value(u64::from(high as u32) << 32 | u64::from(raw.imm as u32)),
        pseudo::MAP_FD => Imm64::MapFd(raw.imm),
        pseudo::MAP_VALUE => Imm64::MapValue {
            fd: raw.imm,
            off: high as u32,
        },
        pseudo::BTF_ID => Imm64::BtfVar {
            id: raw.imm as u32,
            btf_fd: high,
        },
        pseudo::FUNC => Imm64::Func(raw.imm),
        pseudo::MAP_IDX => Imm64::MapIdx(raw.imm),
        pseudo::MAP_IDX_VALUE => Imm64::MapIdxValue {
            index: raw.imm,
            off: high as u32,
        },
        _ => return Err(DecodeError::UnknownImm64),
    };
    Ok(Insn::LoadImm64 {
        dst: reg(raw.dst)?,
        value,
    })
}

fn legacy_load(raw: RawInsn) -> Result<Insn, DecodeError> {
    let indirect = raw.opcode & code::MODE == mode::IND;
    if raw.dst != 0 || raw.off != 0 || (!indirect && raw.src != 0) {
        return Err(reserved(Family::LdAbsInd));
    }
    let mode = if indirect {
        LegacyMode::Ind(reg(raw.src)?)
    } else {
        LegacyMode::Abs
    };
    Ok(Insn::LegacyLoad {
        size: code::size(raw.opcode),
        mode,
        imm: raw.imm,
    })
}

fn load(raw: RawInsn) -> Result<Insn, DecodeError> {
    let sign = raw.opcode & code::MODE == mode::MEMSX;
    let base = reg(raw.src)?;
    Ok(Insn::Load {
        size: code::size(raw.opcode),
        extend: if sign { Extend::Sign } else { Extend::Zero },
        dst: reg(raw.dst)?,
        base,
        off: raw.off,
    })
}

fn store(raw: RawInsn) -> Result<Insn, DecodeError> {
    let src = if raw.opcode & code::CLASS == class::STX {
        zero(raw.imm == 0, Family::Stx)?;
        Operand::Reg(reg(raw.src)?)
    } else {
        zero(raw.src == 0, Family::St)?;
        Operand::Imm(raw.imm)
    };
    Ok(Insn::Store {
        size: code::size(raw.opcode),
        base: reg(raw.dst)?,
        off: raw.off,
        src,
    })
}

fn atomic(raw: RawInsn) -> Result<Insn, DecodeError> {
    let op = match raw.imm {
        0x00 => AtomicOp::Add(Fetch::No),
        0x01 => AtomicOp::Add(Fetch::Yes),
        0x40 => AtomicOp::Or(Fetch::No),
        0x41 => AtomicOp::Or(Fetch::Yes),
        0x50 => AtomicOp::And(Fetch::No),
        0x51 => AtomicOp::And(Fetch::Yes),
        0xa0 => AtomicOp::Xor(Fetch::No),
        0xa1 => AtomicOp::Xor(Fetch::Yes),
        0xe1 => AtomicOp::Xchg,
        0xf1 => AtomicOp::Cmpxchg,
        imm => return Err(DecodeError::InvalidAtomicOp { imm }),
    };
    let width = match code::size(raw.opcode) {
        Size::DW => Width::W64,
        Size::B | Size::H | Size::W => Width::W32,
    };
    let src = reg(raw.src)?;
    Ok(Insn::Atomic {
        op,
        width,
        base: reg(raw.dst)?,
        off: raw.off,
        src,
    })
}

fn alu(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    let op = match raw.opcode & code::OP {
        0x00 => AluOp::Add,
        0x10 => AluOp::Sub,
        0x20 => AluOp::Mul,
        0x30 if raw.off == 1 => AluOp::SDiv,
        0x30 => AluOp::Div,
        0x40 => AluOp::Or,
        0x50 => AluOp::And,
        0x60 => AluOp::Lsh,
        0x70 => AluOp::Rsh,
        0x80 => return neg(raw, width),
        0x90 if raw.off == 1 => AluOp::SMod,
        0x90 => AluOp::Mod,
        0xa0 => AluOp::Xor,
        0xb0 => return mov(raw, width),
        0xc0 => AluOp::Arsh,
        _ => return endian(raw, width),
    };
    let signed = matches!(op, AluOp::SDiv | AluOp::SMod);
    zero(signed || raw.off == 0, Family::Alu)?;
    let src = operand(raw, Family::Alu)?;
    let dst = reg(raw.dst)?;
    check_imm(op, width, src)?;
    Ok(Insn::Alu {
        width,
        op,
        dst,
        src,
    })
}

/// Refuses the immediates that an operation can't take.
fn check_imm(op: AluOp, width: Width, src: Operand) -> Result<(), DecodeError> {
    let Operand::Imm(imm) = src else {
        return Ok(());
    };
    let bits = match width {
        Width::W32 => 32,
        Width::W64 => 64,
    };
    match op {
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod if imm == 0 => {
            Err(DecodeError::DivByZero)
        }
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh if !(0..bits).contains(&imm) => {
            Err(DecodeError::InvalidShift { count: imm })
        }
        AluOp::Add | AluOp::Sub | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor => Ok(()),
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod | AluOp::Mov => Ok(()),
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => Ok(()),
    }
}

fn neg(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    zero(raw.src == 0 && raw.off == 0 && raw.imm == 0, Family::Neg)?;
    Ok(Insn::Neg {
        width,
        dst: reg(raw.dst)?,
    })
}

fn endian(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    let order = match (width, raw.opcode & code::SRC_REG != 0) {
        (Width::W64, _) => ByteOrder::Swap,
        (Width::W32, true) => ByteOrder::Be,
        (Width::W32, false) => ByteOrder::Le,
    };
    zero(raw.src == 0 && raw.off == 0, Family::End)?;
    let size = match raw.imm {
        16 => Size::H,
        32 => Size::W,
        64 => Size::DW,
        _ => return Err(reserved(Family::End)),
    };
    Ok(Insn::Endian {
        order,
        size,
        dst: reg(raw.dst)?,
    })
}

fn mov(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    if raw.opcode & code::SRC_REG == 0 {
        zero(raw.off == 0, Family::Mov)?;
        let src = operand(raw, Family::Mov)?;
        return Ok(Insn::Alu {
            width,
            op: AluOp::Mov,
            dst: reg(raw.dst)?,
            src,
        });
    }
    if width == Width::W64 && raw.off == 1 {
        return addr_space_cast(raw);
    }
    zero(raw.imm == 0, Family::Mov)?;
    let from = match (raw.off, width) {
        (0, _) => None,
        (8, _) => Some(Size::B),
        (16, _) => Some(Size::H),
        (32, Width::W64) => Some(Size::W),
        _ => return Err(reserved(Family::Mov)),
    };
    let src = reg(raw.src)?;
    let dst = reg(raw.dst)?;
    Ok(match from {
        None => Insn::Alu {
            width,
            op: AluOp::Mov,
            dst,
            src: Operand::Reg(src),
        },
        Some(from) => Insn::MovSx {
            width,
            from,
            dst,
            src,
        },
    })
}

fn addr_space_cast(raw: RawInsn) -> Result<Insn, DecodeError> {
    let cast = match raw.imm {
        code::CAST_TO_KERNEL => AddrSpaceCast::ToKernel,
        code::CAST_TO_ARENA => AddrSpaceCast::ToArena,
        _ => return Err(DecodeError::InvalidAddrSpace),
    };
    let src = reg(raw.src)?;
    Ok(Insn::AddrSpaceCast {
        cast,
        dst: reg(raw.dst)?,
        src,
    })
}

fn jmp(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    let op = match raw.opcode & code::OP {
        jump::JA => return ja(raw, width),
        0x10 => JumpOp::Eq,
        0x20 => JumpOp::Gt,
        0x30 => JumpOp::Ge,
        0x40 => JumpOp::Set,
        0x50 => JumpOp::Ne,
        0x60 => JumpOp::SGt,
        0x70 => JumpOp::SGe,
        jump::CALL => return call(raw),
        jump::EXIT => return exit(raw),
        0xa0 => JumpOp::Lt,
        0xb0 => JumpOp::Le,
        0xc0 => JumpOp::SLt,
        0xd0 => JumpOp::SLe,
        _ => return may_goto(raw),
    };
    let dst = reg(raw.dst)?;
    let src = operand(raw, Family::Jmp)?;
    Ok(Insn::JumpIf {
        width,
        op,
        dst,
        src,
        off: raw.off,
    })
}

fn ja(raw: RawInsn, width: Width) -> Result<Insn, DecodeError> {
    let (form, off, unused) = match width {
        Width::W64 => (JumpForm::Short, i32::from(raw.off), raw.imm),
        Width::W32 => (JumpForm::Long, raw.imm, i32::from(raw.off)),
    };
    zero(raw.dst == 0 && raw.src == 0 && unused == 0, Family::Ja)?;
    Ok(Insn::Jump { form, off })
}

fn call(raw: RawInsn) -> Result<Insn, DecodeError> {
    if raw.opcode & code::SRC_REG != 0 {
        return callx(raw);
    }
    zero(
        raw.dst == 0 && (raw.off == 0 || raw.src == pseudo::CALL_KFUNC),
        Family::Call,
    )?;
    Ok(Insn::Call(match raw.src {
        pseudo::CALL_HELPER => CallTarget::Helper(raw.imm),
        pseudo::CALL_LOCAL => CallTarget::Local(raw.imm),
        pseudo::CALL_KFUNC => CallTarget::Kfunc {
            id: raw.imm,
            btf_index: raw.off,
        },
        _ => return Err(reserved(Family::Call)),
    }))
}

/// The kernel knows no `callx`, so a malformed one gets the sentence it has for all of them.
fn callx(raw: RawInsn) -> Result<Insn, DecodeError> {
    match Reg::new(raw.dst) {
        Some(reg) if raw.src == 0 && raw.off == 0 && raw.imm == 0 => {
            Ok(Insn::Call(CallTarget::Reg(reg)))
        }
        _ => Err(DecodeError::UnknownOpcode { opcode: raw.opcode }),
    }
}

fn exit(raw: RawInsn) -> Result<Insn, DecodeError> {
    zero(raw.dst == 0 && raw.src == 0 && raw.imm == 0, Family::Exit)?;
    Ok(Insn::Exit)
}

fn may_goto(raw: RawInsn) -> Result<Insn, DecodeError> {
    if raw.dst != 0 || raw.src != 0 || raw.imm != 0 {
        return Err(DecodeError::InvalidMayGoto {
            off: raw.off,
            imm: raw.imm,
        });
    }
    Ok(Insn::MayGoto { off: raw.off })
}

/// The second operand, whose other form must be zero.
fn operand(raw: RawInsn, family: Family) -> Result<Operand, DecodeError> {
    if raw.opcode & code::SRC_REG != 0 {
        zero(raw.imm == 0, family)?;
        Ok(Operand::Reg(reg(raw.src)?))
    } else {
        zero(raw.src == 0, family)?;
        Ok(Operand::Imm(raw.imm))
    }
}

fn reg(number: u8) -> Result<Reg, DecodeError> {
    Reg::new(number).ok_or(DecodeError::InvalidRegister { number })
}

fn reserved(family: Family) -> DecodeError {
    DecodeError::ReservedFields { family }
}

/// Fails unless the reserved fields `are_zero`.
fn zero(are_zero: bool, family: Family) -> Result<(), DecodeError> {
    if are_zero {
        Ok(())
    } else {
        Err(reserved(family))
    }
}

#[cfg(test)]
mod tests;
