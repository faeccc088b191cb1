//! The operations: [`crate::isa::Insn`] with everything resolved that can be known before a run.
//!
//! They stand in the order of the instruction shapes. No semantics live here: `isa::alu` says what
//! arithmetic computes, the engines what happens.

use super::{ArrayId, Known};
use crate::helpers::{Entry, kfunc};
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

/// An index into [`crate::code::Code::calls`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// A load from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// What happens to the upper bits.
    pub extend: Extend,
    /// Result.
    pub dst: Reg,
    /// From where.
    pub at: Place,
}

/// Some bytes of memory: `*(size *)(base + off)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many bytes.
    pub size: Size,
    /// Base address.
    pub base: Reg,
    /// Offset in bytes.
    pub off: i32,
}

/// An atomic read-modify-write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atomic {
    /// Operation.
    pub op: AtomicOp,
    /// Operand, and result of fetching forms.
    pub src: Reg,
    /// Where: 4 or 8 bytes.
    pub at: Place,
}

impl Atomic {
    /// 32 or 64 bits.
    pub fn width(&self) -> Width {
        match self.at.size {
            Size::DW => Width::W64,
            Size::B | Size::H | Size::W => Width::W32,
        }
    }
}

/// A conditional jump, but for its right operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Width of the comparison.
    pub width: Width,
    /// Condition.
    pub op: JumpOp,
    /// Left operand.
    pub dst: Reg,
    /// Where to when it holds.
    pub target: Target,
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
    /// Gives a pointer into the arena the upper half that user space knows it by. Null stays null.
    Cast {
        /// Result.
        dst: Reg,
        /// Source.
        src: Reg,
        /// The upper half.
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
    Load(Load),
    /// As `Load`, through a BTF pointer: a fault reads zero.
    LoadProbed(Load),
    /// As `Load`, in a program nobody judged: where the address lies in the context, it is one of
    /// the user-visible structure.
    LoadContext(Load),
    /// As `Load`, in the arena, where the low half of `base` leads: zero where there is no page.
    ///
    /// In a program nobody judged: if the address is none of guest memory, and else as `LoadContext`.
    LoadArena(Load),
    /// `*(size *)(base + off) = src`.
    StoreReg {
        /// Where.
        at: Place,
        /// What is stored.
        src: Reg,
    },
    /// `*(size *)(base + off) = imm`.
    StoreImm {
        /// Where.
        at: Place,
        /// What is stored, sign-extended.
        imm: i32,
    },
    /// As `StoreReg`, in the arena: nothing happens where there is no page.
    ///
    /// In a program nobody judged: if the address is none of guest memory.
    StoreArenaReg {
        /// Where.
        at: Place,
        /// What is stored.
        src: Reg,
    },
    /// As `StoreImm`, likewise.
    StoreArenaImm {
        /// Where.
        at: Place,
        /// What is stored, sign-extended.
        imm: i32,
    },
    /// Atomic read-modify-write.
    Atomic(Atomic),
    /// As `Atomic`, in the arena: where there is no page, nothing happens and no register changes.
    ///
    /// In a program nobody judged: if the address is none of guest memory.
    AtomicArena(Atomic),
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
        /// Left operand, comparison and target.
        branch: Branch,
        /// Right operand.
        src: Reg,
    },
    /// Conditional jump that compares with an immediate.
    JumpIfImm {
        /// Left operand, comparison and target.
        branch: Branch,
        /// Right operand, sign-extended.
        imm: i32,
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
    /// Call of a kernel function.
    CallKfunc {
        /// Its row.
        kfunc: &'static kfunc::Entry,
        /// What is known of the call.
        call: CallId,
    },
    /// `bpf_map_lookup_elem` on an array that is known.
    LookupArray {
        /// Which.
        array: ArrayId,
    },
    /// A helper that only tells of the run.
    Tell {
        /// What.
        what: Known,
    },
    /// `bpf_loop` that always calls the same function: as long as it gives 0, `r1` times at most.
    Loop {
        /// The function.
        entry: EntryId,
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

/// The most times that `bpf_loop` calls a function (`BPF_MAX_LOOPS`, Linux 6.12).
pub const MAX_LOOPS: u32 = 8 * 1024 * 1024;

/// What [`Op::Loop`] gives for more: Linux's own code for it has errors of 32 bits, unlike the helper.
pub const TOO_MANY_TURNS: u64 = -(7_i32) as u32 as u64;

/// How many iterations `may_goto` grants one call of a function (`BPF_MAX_LOOPS`, Linux 6.12).
pub const MAY_GOTO_BUDGET: u64 = 8 * 1024 * 1024;
