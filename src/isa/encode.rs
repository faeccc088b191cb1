//! From [`Insn`] to raw slots: the inverse of decoding.
//!
//! It checks nothing: an [`Insn`] with values its own documentation excludes gives a slot that
//! decoding refuses.

use super::code::{class, jump, mode, pseudo, size_bits};
use super::{
    AddrSpaceCast, AluOp, AtomicOp, ByteOrder, CallTarget, Extend, Fetch, Imm64, Insn, JumpForm,
    JumpOp, LegacyMode, Operand, RawInsn, Reg, Size, Width, code,
};

/// Encodes a whole program, one slot an entry.
pub fn encode_program(insns: &[Insn]) -> Vec<RawInsn> {
    let previous = std::iter::once(None).chain(insns.iter().copied().map(Some));
    insns
        .iter()
        .zip(previous)
        .map(|(&insn, previous)| encode(insn, previous))
        .collect()
}

/// Encodes one slot; `previous` is the entry before it, which only [`Insn::Imm64High`] reads.
///
/// A short jump over a distance that needs more than 16 bits is encoded as a long one.
pub fn encode(insn: Insn, previous: Option<Insn>) -> RawInsn {
    match insn {
        Insn::Alu {
            width,
            op,
            dst,
            src,
        } => alu(width, op, dst, src),
        Insn::Neg { width, dst } => raw(alu_class(width) | 0x80, dst),
        Insn::MovSx {
            width,
            from,
            dst,
            src,
        } => RawInsn {
            src: src.number(),
            off: from.bits() as i16,
            ..raw(alu_class(width) | 0xb0 | code::SRC_REG, dst)
        },
        Insn::Endian { order, size, dst } => RawInsn {
            imm: size.bits() as i32,
            ..raw(endian_opcode(order), dst)
        },
        Insn::AddrSpaceCast { cast, dst, src } => RawInsn {
            src: src.number(),
            off: 1,
            imm: match cast {
                AddrSpaceCast::ToKernel => code::CAST_TO_KERNEL,
                AddrSpaceCast::ToArena => code::CAST_TO_ARENA,
            },
            ..raw(class::ALU64 | 0xb0 | code::SRC_REG, dst)
        },
        Insn::LoadImm64 { dst, value } => {
            let (src, imm, _) = imm64(value);
            RawInsn {
                src,
                imm,
                ..raw(code::LD_IMM64, dst)
            }
        }
        Insn::Imm64High => RawInsn {
            imm: imm64_high(previous),
            ..RawInsn::default()
        },
        Insn::Load {
            size,
            extend,
            dst,
            base,
            off,
        } => {
            let mode = match extend {
                Extend::Zero => mode::MEM,
                Extend::Sign => mode::MEMSX,
            };
            let opcode = class::LDX | mode | size_bits(size);
            RawInsn {
                src: base.number(),
                off,
                ..raw(opcode, dst)
            }
        }
        Insn::Store {
            size,
            base,
            off,
            src,
        } => {
            let (class, src, imm) = match src {
                Operand::Reg(src) => (class::STX, src.number(), 0),
                Operand::Imm(imm) => (class::ST, 0, imm),
            };
            RawInsn {
                src,
                off,
                imm,
                ..raw(class | mode::MEM | size_bits(size), base)
            }
        }
        Insn::Atomic {
            op,
            width,
            base,
            off,
            src,
        } => {
            let size = match width {
                Width::W32 => Size::W,
                Width::W64 => Size::DW,
            };
            let opcode = class::STX | mode::ATOMIC | size_bits(size);
            RawInsn {
                src: src.number(),
                off,
                imm: atomic_imm(op),
                ..raw(opcode, base)
            }
        }
        Insn::LegacyLoad { size, mode, imm } => {
            let (mode, src) = match mode {
                LegacyMode::Abs => (mode::ABS, 0),
                LegacyMode::Ind(reg) => (mode::IND, reg.number()),
            };
            RawInsn {
                src,
                imm,
                ..bare(class::LD | mode | size_bits(size))
            }
        }
        Insn::Jump { form, off } => jump(form, off),
        Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off,
        } => {
            let class = match width {
                Width::W32 => class::JMP32,
                Width::W64 => class::JMP,
            };
            RawInsn {
                off,
                ..with_operand(class | jump_bits(op), dst, src)
            }
        }
        Insn::MayGoto { off } => RawInsn {
            off,
            ..bare(class::JMP | jump::MAY_GOTO)
        },
        Insn::Call(target) => call(target),
        Insn::Exit => bare(class::JMP | jump::EXIT),
    }
}

fn bare(opcode: u8) -> RawInsn {
    RawInsn {
        opcode,
        ..RawInsn::default()
    }
}

fn raw(opcode: u8, dst: Reg) -> RawInsn {
    RawInsn {
        dst: dst.number(),
        ..bare(opcode)
    }
}

fn with_operand(opcode: u8, dst: Reg, src: Operand) -> RawInsn {
    match src {
        Operand::Reg(src) => RawInsn {
            src: src.number(),
            ..raw(opcode | code::SRC_REG, dst)
        },
        Operand::Imm(imm) => RawInsn {
            imm,
            ..raw(opcode, dst)
        },
    }
}

fn alu_class(width: Width) -> u8 {
    match width {
        Width::W32 => class::ALU,
        Width::W64 => class::ALU64,
    }
}

fn alu(width: Width, op: AluOp, dst: Reg, src: Operand) -> RawInsn {
    let (bits, off) = match op {
        AluOp::Add => (0x00, 0),
        AluOp::Sub => (0x10, 0),
        AluOp::Mul => (0x20, 0),
        AluOp::Div => (0x30, 0),
        AluOp::SDiv => (0x30, 1),
        AluOp::Or => (0x40, 0),
        AluOp::And => (0x50, 0),
        AluOp::Lsh => (0x60, 0),
        AluOp::Rsh => (0x70, 0),
        AluOp::Mod => (0x90, 0),
        AluOp::SMod => (0x90, 1),
        AluOp::Xor => (0xa0, 0),
        AluOp::Mov => (0xb0, 0),
        AluOp::Arsh => (0xc0, 0),
    };
    RawInsn {
        off,
        ..with_operand(alu_class(width) | bits, dst, src)
    }
}

fn endian_opcode(order: ByteOrder) -> u8 {
    match order {
        ByteOrder::Le => class::ALU | 0xd0,
        ByteOrder::Be => class::ALU | 0xd0 | code::SRC_REG,
        ByteOrder::Swap => class::ALU64 | 0xd0,
    }
}

/// The pseudo source register and both immediates of a 64-bit immediate.
fn imm64(value: Imm64) -> (u8, i32, i32) {
    match value {
        Imm64::Value(value) => (pseudo::VALUE, value as i32, (value >> 32) as i32),
        Imm64::MapFd(fd) => (pseudo::MAP_FD, fd, 0),
        Imm64::MapValue { fd, off } => (pseudo::MAP_VALUE, fd, off as i32),
        Imm64::BtfVar { id, btf_fd } => (pseudo::BTF_ID, id as i32, btf_fd),
        Imm64::Func(off) => (pseudo::FUNC, off, 0),
        Imm64::MapIdx(index) => (pseudo::MAP_IDX, index, 0),
        Imm64::MapIdxValue { index, off } => (pseudo::MAP_IDX_VALUE, index, off as i32),
    }
}

fn imm64_high(previous: Option<Insn>) -> i32 {
    if let Some(Insn::LoadImm64 { value, .. }) = previous {
        imm64(value).2
    } else {
        0
    }
}

fn atomic_imm(op: AtomicOp) -> i32 {
    let (bits, fetch) = match op {
        AtomicOp::Add(fetch) => (0x00, fetch),
        AtomicOp::Or(fetch) => (0x40, fetch),
        AtomicOp::And(fetch) => (0x50, fetch),
        AtomicOp::Xor(fetch) => (0xa0, fetch),
        AtomicOp::Xchg => (0xe0, Fetch::Yes),
        AtomicOp::Cmpxchg => (0xf0, Fetch::Yes),
    };
    match fetch {
        Fetch::No => bits,
        Fetch::Yes => bits | 1,
    }
}

fn jump(form: JumpForm, off: i32) -> RawInsn {
    match (form, i16::try_from(off)) {
        (JumpForm::Short, Ok(off)) => RawInsn {
            off,
            ..bare(class::JMP | jump::JA)
        },
        (JumpForm::Short, Err(_)) | (JumpForm::Long, _) => RawInsn {
            imm: off,
            ..bare(class::JMP32 | jump::JA)
        },
    }
}

fn jump_bits(op: JumpOp) -> u8 {
    match op {
        JumpOp::Eq => 0x10,
        JumpOp::Gt => 0x20,
        JumpOp::Ge => 0x30,
        JumpOp::Set => 0x40,
        JumpOp::Ne => 0x50,
        JumpOp::SGt => 0x60,
        JumpOp::SGe => 0x70,
        JumpOp::Lt => 0xa0,
        JumpOp::Le => 0xb0,
        JumpOp::SLt => 0xc0,
        JumpOp::SLe => 0xd0,
    }
}

fn call(target: CallTarget) -> RawInsn {
    let call = bare(class::JMP | jump::CALL);
    match target {
        CallTarget::Helper(imm) => RawInsn {
            src: pseudo::CALL_HELPER,
            imm,
            ..call
        },
        CallTarget::Local(imm) => RawInsn {
            src: pseudo::CALL_LOCAL,
            imm,
            ..call
        },
        CallTarget::Kfunc { id, btf_index } => RawInsn {
            src: pseudo::CALL_KFUNC,
            off: btf_index,
            imm: id,
            ..call
        },
        CallTarget::Reg(reg) => raw(class::JMP | jump::CALL | code::SRC_REG, reg),
    }
}
