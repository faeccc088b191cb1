//! The one vocabulary of eBPF instructions: every other module speaks in these types.
//!
//! It knows nothing of maps, types, programs or machines: an [`Insn`] is what RFC 9669 and
//! Linux 6.12 (`include/uapi/linux/bpf.h`) say eight bytes mean, no more.
//!
//! Rules:
//! - [`Insn`] is a closed enum, one entry a slot: the second half of a 64-bit immediate is
//!   [`Insn::Imm64High`], so that an index into a program is the kernel's instruction index.
//! - Encoding puns are settled once, in [`decode()`]: `off = 1` on a division is [`AluOp::SDiv`].
//! - Jump and local-call distances are counted in slots from the *next* instruction, as encoded.
//! - Nobody matches an [`Insn`] with a wildcard; the engines and the verifier treat the shapes in
//!   the order in which they stand here.

pub mod alu;
pub mod asm;
mod code;
mod decode;
mod disasm;
mod encode;

pub use decode::{DecodeError, Family, decode, decode_program, decode_slots};
pub use disasm::{Names, NoNames, disassemble};
pub use encode::{encode, encode_program};

/// The index of an instruction slot in a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pc(pub u32);

impl Pc {
    /// The slot as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot at `off` slots after the instruction that follows this one, if it is not negative.
    pub fn target(self, off: i32) -> Option<Pc> {
        u32::try_from(i64::from(self.0) + 1 + i64::from(off))
            .ok()
            .map(Pc)
    }

    /// The next slot.
    pub fn next(self) -> Pc {
        Pc(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Pc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A register, `R0` to `R10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reg {
    /// The return value.
    R0,
    /// The first argument.
    R1,
    /// The second argument.
    R2,
    /// The third argument.
    R3,
    /// The fourth argument.
    R4,
    /// The fifth argument.
    R5,
    /// The first register that calls preserve.
    R6,
    /// Preserved by calls.
    R7,
    /// Preserved by calls.
    R8,
    /// Preserved by calls.
    R9,
    /// The frame pointer, read-only: `R10`.
    FP,
}

impl Reg {
    /// How many registers a program can name.
    pub const COUNT: usize = 11;

    const ALL: [Reg; Reg::COUNT] = [
        Reg::R0,
        Reg::R1,
        Reg::R2,
        Reg::R3,
        Reg::R4,
        Reg::R5,
        Reg::R6,
        Reg::R7,
        Reg::R8,
        Reg::R9,
        Reg::FP,
    ];

    /// The register of that number, if there is one.
    pub fn new(number: u8) -> Option<Reg> {
        Reg::ALL.get(usize::from(number)).copied()
    }

    /// The register's number as an index, always less than [`Reg::COUNT`].
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.number())
    }

    /// The register's number.
    #[inline]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// All registers in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Reg> {
        Reg::ALL.into_iter()
    }
}

impl std::fmt::Display for Reg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.number())
    }
}

/// The raw 8-byte form of one slot (RFC 9669 section 3), in host order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawInsn {
    /// Operation code: class, source and operation, or class, size and mode.
    pub opcode: u8,
    /// Destination register, 4 bits.
    pub dst: u8,
    /// Source register or pseudo kind, 4 bits.
    pub src: u8,
    /// Signed offset.
    pub off: i16,
    /// Signed immediate.
    pub imm: i32,
}

impl RawInsn {
    /// Reads a slot from its little-endian bytes.
    pub fn from_le_bytes(bytes: [u8; 8]) -> RawInsn {
        let [opcode, regs, off0, off1, imm @ ..] = bytes;
        RawInsn {
            opcode,
            dst: regs & 0xf,
            src: regs >> 4,
            off: i16::from_le_bytes([off0, off1]),
            imm: i32::from_le_bytes(imm),
        }
    }

    /// The slot's little-endian bytes.
    pub fn to_le_bytes(self) -> [u8; 8] {
        let off = self.off.to_le_bytes();
        let imm = self.imm.to_le_bytes();
        let regs = (self.dst & 0xf) | (self.src << 4);
        [
            self.opcode,
            regs,
            off[0],
            off[1],
            imm[0],
            imm[1],
            imm[2],
            imm[3],
        ]
    }
}

/// Operand width of arithmetic and of comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// The low 32 bits; arithmetic clears the upper ones.
    W32,
    /// All 64 bits.
    W64,
}

impl Width {
    /// Both.
    pub const ALL: [Width; 2] = [Width::W32, Width::W64];
}

/// How many bytes a memory access touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Size {
    /// 1 byte.
    B,
    /// 2 bytes.
    H,
    /// 4 bytes.
    W,
    /// 8 bytes.
    DW,
}

impl Size {
    /// All, the smallest first.
    pub const ALL: [Size; 4] = [Size::B, Size::H, Size::W, Size::DW];

    /// The size in bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Size::B => 1,
            Size::H => 2,
            Size::W => 4,
            Size::DW => 8,
        }
    }

    /// The size in bits.
    pub fn bits(self) -> u32 {
        self.bytes() * 8
    }

    /// The size of that many bytes.
    pub fn from_bytes(bytes: u32) -> Option<Size> {
        [Size::B, Size::H, Size::W, Size::DW]
            .into_iter()
            .find(|size| size.bytes() == bytes)
    }
}

/// What a load does with the bits above the loaded ones, or a move above the moved ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extend {
    /// Fill with zeros.
    Zero,
    /// Fill with the sign.
    Sign,
}

impl Extend {
    /// Both.
    pub const ALL: [Extend; 2] = [Extend::Zero, Extend::Sign];
}

/// The second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// A 32-bit immediate, sign-extended to the operation's width.
    Imm(i32),
}

/// Two-operand arithmetic, `dst = dst op src` (for `Mov`, `dst = src`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// Addition, wrapping.
    Add,
    /// Subtraction, wrapping.
    Sub,
    /// Multiplication, wrapping.
    Mul,
    /// Unsigned division; by zero gives 0.
    Div,
    /// Signed division; by zero gives 0, `MIN / -1` gives `MIN`.
    SDiv,
    /// Bitwise or.
    Or,
    /// Bitwise and.
    And,
    /// Shift left, the count taken modulo the width.
    Lsh,
    /// Logical shift right, the count taken modulo the width.
    Rsh,
    /// Unsigned remainder; by zero leaves the dividend.
    Mod,
    /// Signed remainder; by zero leaves the dividend, `MIN % -1` gives 0.
    SMod,
    /// Bitwise exclusive or.
    Xor,
    /// Move.
    Mov,
    /// Arithmetic shift right, the count taken modulo the width.
    Arsh,
}

impl AluOp {
    /// All, in the order of their numbers here.
    pub const ALL: [AluOp; 14] = [
        AluOp::Add,
        AluOp::Sub,
        AluOp::Mul,
        AluOp::Div,
        AluOp::SDiv,
        AluOp::Or,
        AluOp::And,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Mod,
        AluOp::SMod,
        AluOp::Xor,
        AluOp::Mov,
        AluOp::Arsh,
    ];
}

/// What a byte swap does (RFC 9669 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// To little-endian: on our little-endian machine, truncation.
    Le,
    /// To big-endian.
    Be,
    /// Unconditional swap (`bswap`, v4).
    Swap,
}

/// Conditions of two-operand jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JumpOp {
    /// Equal.
    Eq,
    /// Unsigned greater.
    Gt,
    /// Unsigned greater or equal.
    Ge,
    /// Any bit of `src` set in `dst`.
    Set,
    /// Not equal.
    Ne,
    /// Signed greater.
    SGt,
    /// Signed greater or equal.
    SGe,
    /// Unsigned less.
    Lt,
    /// Unsigned less or equal.
    Le,
    /// Signed less.
    SLt,
    /// Signed less or equal.
    SLe,
}

impl JumpOp {
    /// All, in the order of their numbers here.
    pub const ALL: [JumpOp; 11] = [
        JumpOp::Eq,
        JumpOp::Gt,
        JumpOp::Ge,
        JumpOp::Set,
        JumpOp::Ne,
        JumpOp::SGt,
        JumpOp::SGe,
        JumpOp::Lt,
        JumpOp::Le,
        JumpOp::SLt,
        JumpOp::SLe,
    ];
}

/// Read-modify-write operations on memory (RFC 9669 section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AtomicOp {
    /// `*m += src`; with [`Fetch::Yes`] `src` gets the old value.
    Add(Fetch),
    /// `*m |= src`.
    Or(Fetch),
    /// `*m &= src`.
    And(Fetch),
    /// `*m ^= src`.
    Xor(Fetch),
    /// Exchange `src` and `*m`.
    Xchg,
    /// If `*m` equals `r0`, store `src`; `r0` gets the old value.
    Cmpxchg,
}

/// Whether an atomic operation returns the old value in its source register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// The old value is lost.
    No,
    /// The source register gets the old value.
    Yes,
}

/// What a 64-bit immediate stands for: the pseudo source register of its first slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Imm64 {
    /// A number (`src = 0`).
    Value(u64),
    /// A map by descriptor (`BPF_PSEUDO_MAP_FD`). In a linked program: an index into its maps.
    MapFd(i32),
    /// The address `off` bytes into the only value of a map (`BPF_PSEUDO_MAP_VALUE`).
    MapValue {
        /// The map's descriptor; in a linked program an index into its maps.
        fd: i32,
        /// Offset into the value.
        off: u32,
    },
    /// The address of a kernel variable (`BPF_PSEUDO_BTF_ID`).
    BtfVar {
        /// The variable's BTF id.
        id: u32,
        /// Descriptor of the module BTF, 0 for the kernel's own.
        btf_fd: i32,
    },
    /// The address of a subprogram of this program (`BPF_PSEUDO_FUNC`), as a distance like a call's.
    Func(i32),
    /// A map by index into the load call's descriptor array (`BPF_PSEUDO_MAP_IDX`).
    MapIdx(i32),
    /// As [`Imm64::MapValue`], the map by index (`BPF_PSEUDO_MAP_IDX_VALUE`).
    MapIdxValue {
        /// Index into the descriptor array.
        index: i32,
        /// Offset into the value.
        off: u32,
    },
}

/// Where a legacy packet load reads (`BPF_ABS` and `BPF_IND`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacyMode {
    /// At the immediate.
    Abs,
    /// At the register's low 32 bits plus the immediate.
    Ind(Reg),
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallTarget {
    /// A helper by number.
    Helper(i32),
    /// A subprogram, by distance from the next slot.
    Local(i32),
    /// A kernel function by BTF id.
    Kfunc {
        /// The function's BTF id.
        id: i32,
        /// Index of the module BTF in the load call's descriptor array, 0 for the kernel's own.
        btf_index: i16,
    },
    /// The address in a register (`callx`). Linux 6.12 refuses it; RFC 9669 section 4.3 has it.
    Reg(Reg),
}

/// The two encodings of an unconditional jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JumpForm {
    /// `goto`: distance in `off`, 16 bits.
    Short,
    /// `gotol`: distance in `imm`, 32 bits (v4).
    Long,
}

/// Direction of an address-space cast (`BPF_ADDR_SPACE_CAST`, since 6.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddrSpaceCast {
    /// From the arena (address space 1) to the kernel's (0): `imm = 1`.
    ToKernel,
    /// From the kernel's space (0) to the arena (1): `imm = 1 << 16`.
    ToArena,
}

/// One instruction slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Insn {
    /// Two-operand arithmetic and plain moves.
    Alu {
        /// Operand width.
        width: Width,
        /// Operation.
        op: AluOp,
        /// First operand and result.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// Two's complement negation.
    Neg {
        /// Operand width.
        width: Width,
        /// Operand and result.
        dst: Reg,
    },
    /// Sign-extending move from the low `from` bits (v4); `from` is less than the width.
    MovSx {
        /// Width of the result; with [`Width::W32`] the upper half is zero.
        width: Width,
        /// How many bits are moved: [`Size::B`], [`Size::H`], and for 64 bits [`Size::W`].
        from: Size,
        /// Result.
        dst: Reg,
        /// Source.
        src: Reg,
    },
    /// Byte swap or truncation of the low `size` bits; never [`Size::B`].
    Endian {
        /// Which order.
        order: ByteOrder,
        /// How many bits.
        size: Size,
        /// Operand and result.
        dst: Reg,
    },
    /// Address-space cast between arena and kernel.
    AddrSpaceCast {
        /// Direction.
        cast: AddrSpaceCast,
        /// Result.
        dst: Reg,
        /// Source.
        src: Reg,
    },
    /// First slot of a 64-bit immediate load.
    LoadImm64 {
        /// Result.
        dst: Reg,
        /// What is loaded.
        value: Imm64,
    },
    /// Second slot of a 64-bit immediate load, never executed on its own.
    Imm64High,
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
        off: i16,
    },
    /// `*(size *)(base + off) = src`.
    Store {
        /// Access size.
        size: Size,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i16,
        /// What is stored.
        src: Operand,
    },
    /// Atomic read-modify-write of 4 or 8 bytes.
    Atomic {
        /// Operation.
        op: AtomicOp,
        /// 32 or 64 bits.
        width: Width,
        /// Base address.
        base: Reg,
        /// Offset in bytes.
        off: i16,
        /// Operand, and result of fetching forms.
        src: Reg,
    },
    /// Legacy packet load in network order into `r0`; [`Size::B`], [`Size::H`] or [`Size::W`].
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
        /// Which encoding.
        form: JumpForm,
        /// Distance.
        off: i32,
    },
    /// Conditional jump.
    JumpIf {
        /// Width of the comparison.
        width: Width,
        /// Condition.
        op: JumpOp,
        /// Left operand.
        dst: Reg,
        /// Right operand.
        src: Operand,
        /// Distance when it holds.
        off: i16,
    },
    /// Jump when the iteration budget is used up (`may_goto`, since 6.9).
    MayGoto {
        /// Distance when the budget is used up.
        off: i16,
    },
    /// Call.
    Call(CallTarget),
    /// Return from the program or subprogram.
    Exit,
}

#[cfg(test)]
mod tests;
