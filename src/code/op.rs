//! The operations: [`crate::isa::Insn`] with everything resolved that can be known before a run.
//!
//! They stand in the order of the instruction shapes. No semantics live here: `isa::alu` says what
//! arithmetic computes, the engines what happens.

use crate::helpers::Entry;
use crate::isa::{AluOp, AtomicOp, ByteOrder, Extend, JumpOp, LegacyMode, Reg, Size, Width};

/// An index into [`crate::code::Code::ops`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub u32);

impl Target {
    /// The target as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An index into [`crate::code::Code::entries`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u32);

impl EntryId {
    /// The entry as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation, 16 bytes.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// 64-bit `dst = dst op src`.
    Alu64Reg {
        /// Operation.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        src: Reg,
    },
    /// 64-bit `dst = dst op imm`.
    Alu64Imm {
        /// Operation.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand, sign-extended.
        imm: u64,
    },
    /// 32-bit `dst = dst op src`.
    Alu32Reg {
        /// Operation.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        src: Reg,
    },
    /// 32-bit `dst = dst op imm`.
    Alu32Imm {
        /// Operation.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        imm: u32,
    },
    /// Two's complement negation.
    Neg {
        /// Operand width.
        width: Width,
        /// Operand and result.
        dst: Reg,
    },
    /// Sign-extending move.
    MovSx {
        /// Width of the result.
        width: Width,
        /// How many bits are moved.
        from: Size,
        /// Result.
        dst: Reg,
        /// Source.
        src: Reg,
    },
    /// Byte swap or truncation.
    Endian {
        /// Which order.
        order: ByteOrder,
        /// How many bits.
        size: Size,
        /// Operand and result.
        dst: Reg,
    },
    /// Replaces the upper half: both directions of an address-space cast. Null stays null.
    Cast {
        /// Result.
        dst: Reg,
        /// Source.
        src: Reg,
        /// Start of the arena in the address space that is cast to.
        base: u64,
    },
    /// `dst = value`: numbers, map handles, addresses of values and variables, function handles.
    LoadImm {
        /// Result.
        dst: Reg,
        /// What is loaded.
        value: u64,
    },
    /// `dst = *(size *)(base + off)`.
    Load {
        /// Access size.
        size: Size,
        /// What happens to the upper bits.
        extend: Extend,
        /// Result.
        dst: Reg,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i32,
    },
    /// As `Load`, through a BTF pointer: a fault reads zero.
    LoadProbed {
        /// Access size.
        size: Size,
        /// What happens to the upper bits.
        extend: Extend,
        /// Result.
        dst: Reg,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i32,
    },
    /// As `Load`, in a program nobody judged: where the address lies in the context, it is one of
    /// the user-visible structure.
    LoadContext {
        /// Access size.
        size: Size,
        /// What happens to the upper bits.
        extend: Extend,
        /// Result.
        dst: Reg,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i32,
    },
    /// `*(size *)(base + off) = src`.
    StoreReg {
        /// Access size.
        size: Size,
        /// Base address.
        base: Reg,
        /// What is stored.
        src: Reg,
        /// Offset in bytes.
        off: i32,
    },
    /// `*(size *)(base + off) = imm`.
    StoreImm {
        /// Access size.
        size: Size,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i32,
        /// What is stored, sign-extended.
        imm: i32,
    },
    /// Atomic read-modify-write.
    Atomic {
        /// Operation.
        op: AtomicOp,
        /// 32 or 64 bits.
        width: Width,
        /// Base address.
        base: Reg,
        /// Operand, and result of fetching forms.
        src: Reg,
        /// Offset in bytes.
        off: i32,
    },
    /// Legacy packet load in network order into `r0`; out of bounds it leaves the function with 0.
    LegacyLoad {
        /// Access size.
        size: Size,
        /// Where.
        mode: LegacyMode,
        /// Offset into the packet.
        imm: i32,
    },
    /// Unconditional jump.
    Jump {
        /// Where to.
        target: Target,
    },
    /// Conditional jump that compares two registers.
    JumpIfReg {
        /// Width of the comparison.
        width: Width,
        /// Condition.
        op: JumpOp,
        /// Left operand.
        dst: Reg,
        /// Right operand.
        src: Reg,
        /// Where to when it holds.
        target: Target,
    },
    /// Conditional jump that compares with an immediate.
    JumpIfImm {
        /// Width of the comparison.
        width: Width,
        /// Condition.
        op: JumpOp,
        /// Left operand.
        dst: Reg,
        /// Right operand, sign-extended.
        imm: i32,
        /// Where to when it holds.
        target: Target,
    },
    /// Jump when the function's iteration budget is used up.
    MayGoto {
        /// Where to.
        target: Target,
    },
    /// Call of a helper.
    CallHelper {
        /// Its row.
        helper: &'static Entry,
    },
    /// `bpf_tail_call`: goes on in another program, or leaves an error in `r0`.
    TailCall,
    /// Call of a subprogram.
    CallLocal {
        /// Which.
        entry: EntryId,
    },
    /// Call of the function whose handle a register holds.
    CallReg {
        /// The register.
        target: Reg,
    },
    /// Return.
    Exit,
    /// Stands for instructions no path reaches; traps.
    Unreached,
}

impl Op {
    /// Whether the operation after it may be next.
    pub fn falls_through(&self) -> bool {
        !matches!(self, Op::Jump { .. } | Op::Exit | Op::Unreached)
    }
}

/// How many iterations `may_goto` grants one call of a function (`BPF_MAX_LOOPS`, Linux 6.12).
pub const MAY_GOTO_BUDGET: u64 = 8 * 1024 * 1024;
