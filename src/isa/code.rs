//! The bits of an opcode and the other magic numbers that decoding and encoding share.
//!
//! It knows no rule about how they combine, except which opcodes exist.

use super::Size;

/// Mask of the instruction class.
pub(super) const CLASS: u8 = 0x07;
/// Mask of the operation of an arithmetic or jump instruction.
pub(super) const OP: u8 = 0xf0;
/// Set where the second operand is a register.
pub(super) const SRC_REG: u8 = 0x08;
/// Mask of the mode of a memory instruction.
pub(super) const MODE: u8 = 0xe0;
/// The opcode of a 64-bit immediate.
pub(super) const LD_IMM64: u8 = 0x18;
/// The immediate of a cast from the arena to the kernel.
pub(super) const CAST_TO_KERNEL: i32 = 1;
/// The immediate of a cast from the kernel to the arena.
pub(super) const CAST_TO_ARENA: i32 = 1 << 16;

/// Instruction classes.
pub(super) mod class {
    pub(in super::super) const LD: u8 = 0;
    pub(in super::super) const LDX: u8 = 1;
    pub(in super::super) const ST: u8 = 2;
    pub(in super::super) const STX: u8 = 3;
    pub(in super::super) const ALU: u8 = 4;
    pub(in super::super) const JMP: u8 = 5;
    pub(in super::super) const JMP32: u8 = 6;
    pub(in super::super) const ALU64: u8 = 7;
}

/// Modes of memory instructions.
pub(super) mod mode {
    pub(in super::super) const ABS: u8 = 0x20;
    pub(in super::super) const IND: u8 = 0x40;
    pub(in super::super) const MEM: u8 = 0x60;
    pub(in super::super) const MEMSX: u8 = 0x80;
    pub(in super::super) const ATOMIC: u8 = 0xc0;
}

/// Jump operations that are no comparisons.
pub(super) mod jump {
    pub(in super::super) const JA: u8 = 0x00;
    pub(in super::super) const CALL: u8 = 0x80;
    pub(in super::super) const EXIT: u8 = 0x90;
    pub(in super::super) const MAY_GOTO: u8 = 0xe0;
}

/// What the source register field says in 64-bit immediates and calls.
pub(super) mod pseudo {
    pub(in super::super) const VALUE: u8 = 0;
    pub(in super::super) const MAP_FD: u8 = 1;
    pub(in super::super) const MAP_VALUE: u8 = 2;
    pub(in super::super) const BTF_ID: u8 = 3;
    pub(in super::super) const FUNC: u8 = 4;
    pub(in super::super) const MAP_IDX: u8 = 5;
    pub(in super::super) const MAP_IDX_VALUE: u8 = 6;
    pub(in super::super) const CALL_HELPER: u8 = 0;
    pub(in super::super) const CALL_LOCAL: u8 = 1;
    pub(in super::super) const CALL_KFUNC: u8 = 2;
}

/// The size field of a memory instruction.
pub(super) fn size(opcode: u8) -> Size {
    match opcode & 0x18 {
        0x00 => Size::W,
        0x08 => Size::H,
        0x10 => Size::B,
        _ => Size::DW,
    }
}

/// The bits of the size field.
pub(super) fn size_bits(size: Size) -> u8 {
    match size {
        Size::W => 0x00,
        Size::H => 0x08,
        Size::B => 0x10,
        Size::DW => 0x18,
    }
}

/// Whether an instruction of Linux 6.12, or `callx`, has this opcode.
pub(super) fn is_known(opcode: u8) -> bool {
    let register = opcode & SRC_REG != 0;
    let double = size(opcode) == Size::DW;
    match opcode & CLASS {
        class::LD => {
            opcode == LD_IMM64 || (matches!(opcode & MODE, mode::ABS | mode::IND) && !double)
        }
        class::LDX => match opcode & MODE {
            mode::MEM => true,
            mode::MEMSX => !double,
            _ => false,
        },
        class::ST => opcode & MODE == mode::MEM,
        class::STX => match opcode & MODE {
            mode::MEM => true,
            mode::ATOMIC => matches!(size(opcode), Size::W | Size::DW),
            _ => false,
        },
        class::ALU => match opcode & OP {
            0x80 => !register,
            op => op <= 0xd0,
        },
        class::ALU64 => match opcode & OP {
            0x80 | 0xd0 => !register,
            op => op <= 0xd0,
        },
        class::JMP => match opcode & OP {
            jump::CALL => true,
            jump::JA | jump::EXIT | jump::MAY_GOTO => !register,
            op => op <= 0xd0,
        },
        _ => match opcode & OP {
            jump::JA => !register,
            jump::CALL | jump::EXIT => false,
            op => op <= 0xd0,
        },
    }
}
