//! What a generated program does, as a tree of pieces, and the strategies that make such trees.
//!
//! A plan names no instruction and no register by number: choices are small numbers that the
//! emitter takes modulo what is possible where the piece stands. So a plan stays
//! sensible when proptest removes or shrinks a piece of it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::mutate::{self, Mutation};
use crate::isa::{AluOp, AtomicOp, ByteOrder, Extend, Fetch, JumpForm, JumpOp, Size, Width};

/// The program types that are generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `xdp`.
    Xdp,
    /// `sched_cls`.
    SchedCls,
    /// `socket_filter`.
    SocketFilter,
}

/// A program before it is emitted, and what it runs on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program's type.
    pub kind: Kind,
    /// The program itself.
    pub main: Vec<Piece>,
    /// Its subprograms; one calls only those after it.
    pub subprogs: Vec<Vec<Piece>>,
    /// What is broken afterwards.
    pub mutations: Vec<Mutation>,
    /// The packet.
    pub packet: Vec<u8>,
    /// What the maps hold at the start.
    pub seeds: Vec<u64>,
}

/// Which register, of those possible.
pub type Choice = u8;

/// A second operand.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A register that holds a number.
    Reg(Choice),
    /// An immediate.
    Imm(i32),
}

/// One step.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Two-operand arithmetic.
    Alu(Width, AluOp, Choice, Source),
    /// Negation.
    Neg(Width, Choice),
    /// A sign-extending move.
    MovSx(Width, Size, Choice, Choice),
    /// A byte swap.
    Endian(ByteOrder, Size, Choice),
    /// A 64-bit constant.
    Const(Choice, u64),
    /// A field of the context.
    Field(Choice, u8),
    /// A number to the stack.
    Spill(Size, u8, Source),
    /// A number from the stack.
    Fill(Choice, Size, Extend, u8),
    /// Two ways.
    Branch(Box<Branch>),
    /// A bounded loop.
    Loop(Bounded, u8, Vec<Piece>),
    /// Accesses to one region.
    Memory(Memory),
    /// `bpf_map_update_elem`: which map, key, value, flags.
    Update(Store, Source, Source, u8),
    /// `bpf_map_delete_elem`.
    Delete(Store, Source),
    /// A helper that reads or changes the packet, with an offset and a length.
    Packet(PacketHelper, i16, u8),
    /// `bpf_csum_diff` over so many words of the stack.
    Checksum(u8, u8, Choice),
    /// A call of a subprogram.
    Call(Choice),
    /// A legacy packet load.
    Legacy(Size, i16, Option<Choice>),
    /// The end of the function.
    Exit(Source),
}

/// A conditional jump with what stands on both its ways.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Width of the comparison.
    pub width: Width,
    /// Condition.
    pub op: JumpOp,
    /// Left operand.
    pub lhs: Choice,
    /// Right operand.
    pub rhs: Source,
    /// What is done where it holds.
    pub then: Vec<Piece>,
    /// What is done where it does not.
    pub otherwise: Vec<Piece>,
    /// How the jump over `then` is encoded.
    pub form: JumpForm,
}

/// How a loop is bounded.
#[derive(Clone, Copy, Debug)]
pub enum Bounded {
    /// It counts up to a constant.
    Up,
    /// It counts down to zero.
    Down,
    /// It counts up to a number that is known only to be small.
    UpTo(Choice),
}

/// A map that programs look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The array.
    Array,
    /// The hash.
    Hash,
}

/// Helpers on packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketHelper {
    /// Copies bytes to the stack.
    Load,
    /// Copies bytes from the stack.
    Store,
    /// Moves the packet's start.
    Head,
    /// Moves the packet's end.
    Tail,
    /// Moves the metadata, or makes bytes accessible.
    Meta,
}

/// Accesses to one region through one pointer.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Where.
    pub region: Region,
    /// Which register holds the pointer.
    pub base: Choice,
    /// A variable offset.
    pub index: Option<Index>,
    /// What is done, in order.
    pub accesses: Vec<Access>,
    /// Whether the pointer is spilled and filled before it is used.
    pub detour: Detour,
}

/// Where a pointer points.
#[derive(Clone, Copy, Debug)]
pub enum Region {
    /// The only value of a map, by address, so far into it.
    Direct(u8),
    /// A looked-up value.
    Value(Store, Source),
    /// The packet, of which so many bytes are checked in this way.
    Packet(u8, JumpOp),
    /// The stack.
    Stack,
}

/// A variable offset.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// The number it comes from.
    pub from: Choice,
    /// The greatest it may be.
    pub limit: u8,
    /// How it is held to that.
    pub bound: Bound,
    /// Multiples of 8, or of 1.
    pub scale: Scale,
}

/// How a number is held to a limit.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// By a mask.
    Mask(Width),
    /// By an unsigned comparison.
    Unsigned(Width),
    /// By two signed comparisons.
    Signed(Width),
    /// By a shift.
    Shift(Width),
    /// By equality with the limit.
    Equal(Width),
}

impl Bound {
    /// The width of what is done.
    pub fn width(self) -> Width {
        match self {
            Bound::Mask(width)
            | Bound::Unsigned(width)
            | Bound::Signed(width)
            | Bound::Shift(width)
            | Bound::Equal(width) => width,
        }
    }
}

/// What a variable offset counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Bytes.
    Bytes,
    /// Words of 8 bytes.
    Words,
}

/// Whether a pointer goes over the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detour {
    /// It stays in its register.
    None,
    /// It is spilled and filled.
    Stack,
}

/// One access.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Its size.
    pub size: Size,
    /// Where in the region.
    pub off: u8,
    /// What it does.
    pub does: Does,
}

/// What an access does.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// It loads.
    Load(Choice, Extend),
    /// It stores.
    Store(Source),
    /// It does an atomic operation.
    Atomic(AtomicOp, Choice),
}

/// The choices of how many and how deep.
const MAIN: usize = 14;
const INNER: usize = 4;
const DEPTH: u32 = 2;

/// Any plan.
pub fn plans() -> impl Strategy<Value = Plan> {
    let kind = prop_oneof![
        2 => Just(Kind::Xdp),
        2 => Just(Kind::SchedCls),
        1 => Just(Kind::SocketFilter),
    ];
    let body = pieces(DEPTH, 1..MAIN);
    let subprogs = prop_oneof![
        3 => Just(Vec::new()).boxed(),
        1 => vec(pieces(1, 1..6), 1..3).boxed(),
    ];
    let mutations = prop_oneof![
        1 => Just(Vec::new()).boxed(),
        1 => vec(mutate::mutations(), 1..3).boxed(),
    ];
    (kind, body, subprogs, mutations, packets(), vec(number(), 8)).prop_map(
        |(kind, main, subprogs, mutations, packet, seeds)| Plan {
            kind,
            main,
            subprogs,
            mutations,
            packet,
            seeds,
        },
    )
}

/// Ethernet frames of a protocol that no kernel parses.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 14..100).prop_map(|mut bytes| {
        bytes
            .iter_mut()
            .skip(12)
            .zip([0x88, 0xb5])
            .for_each(|(byte, value)| *byte = value);
        // An address that is nobody's in particular: neither broadcast nor multicast.
        bytes.iter_mut().take(1).for_each(|byte| *byte &= 0xfe);
        bytes
    })
}

fn pieces(depth: u32, count: std::ops::Range<usize>) -> BoxedStrategy<Vec<Piece>> {
    vec(piece(depth), count).boxed()
}

fn piece(depth: u32) -> BoxedStrategy<Piece> {
    if depth == 0 {
        return leaf().boxed();
    }
    let inner = || pieces(depth - 1, 0..INNER);
    let sides = (inner(), inner());
    let branch = (width(), jump_op(), any::<Choice>(), source(), sides, form());
    let branch = branch.prop_map(|(width, op, lhs, rhs, (then, otherwise), form)| {
        let branch = Branch {
            width,
            op,
            lhs,
            rhs,
            then,
            otherwise,
            form,
        };
        Piece::Branch(Box::new(branch))
    });
    let bounded = prop_oneof![
        Just(Bounded::Up),
        Just(Bounded::Down),
        any::<Choice>().prop_map(Bounded::UpTo)
    ];
    let looped = (bounded, 1..6_u8, pieces(depth - 1, 1..INNER))
        .prop_map(|(bounded, count, body)| Piece::Loop(bounded, count, body));
    prop_oneof![8 => leaf(), 3 => branch, 1 => looped].boxed()
}

fn leaf() -> impl Strategy<Value = Piece> {
    prop_oneof![
        12 => numbers(),
        6 => memory().prop_map(Piece::Memory),
        3 => stack(),
        3 => calls(),
    ]
}

/// Pieces that compute.
fn numbers() -> impl Strategy<Value = Piece> {
    let c = any::<Choice>;
    let order = select(&[ByteOrder::Le, ByteOrder::Be, ByteOrder::Swap][..]);
    let part = select(&[Size::B, Size::H, Size::W][..]);
    let swapped = select(&[Size::H, Size::W, Size::DW][..]);
    prop_oneof![
        12 => (width(), alu_op(), c(), source())
            .prop_map(|(width, op, dst, src)| Piece::Alu(width, op, dst, src)),
        1 => (width(), c()).prop_map(|(width, dst)| Piece::Neg(width, dst)),
        2 => (width(), part, c(), c())
            .prop_map(|(width, from, dst, src)| Piece::MovSx(width, from, dst, src)),
        1 => (order, swapped, c()).prop_map(|(order, size, dst)| Piece::Endian(order, size, dst)),
        1 => (c(), number()).prop_map(|(dst, value)| Piece::Const(dst, value)),
        2 => (c(), any::<u8>()).prop_map(|(dst, which)| Piece::Field(dst, which)),
    ]
}

/// Pieces that spill and fill.
fn stack() -> impl Strategy<Value = Piece> {
    prop_oneof![
        (size(), any::<u8>(), source()).prop_map(|(size, at, src)| Piece::Spill(size, at, src)),
        (any::<Choice>(), size(), extend(), any::<u8>())
            .prop_map(|(dst, size, extend, at)| Piece::Fill(dst, size, extend, at)),
    ]
}

/// Pieces that call, and the end.
fn calls() -> impl Strategy<Value = Piece> {
    let helper = select(
        &[
            PacketHelper::Load,
            PacketHelper::Store,
            PacketHelper::Head,
            PacketHelper::Tail,
            PacketHelper::Meta,
        ][..],
    );
    let legacy = select(&[Size::B, Size::H, Size::W][..]);
    prop_oneof![
        4 => (store(), source(), source(), 0..4_u8)
            .prop_map(|(map, key, value, flags)| Piece::Update(map, key, value, flags)),
        2 => (store(), source()).prop_map(|(map, key)| Piece::Delete(map, key)),
        4 => (helper, -20..80_i16, 0..17_u8)
            .prop_map(|(helper, off, len)| Piece::Packet(helper, off, len)),
        1 => (0..5_u8, 0..5_u8, any::<Choice>())
            .prop_map(|(from, to, seed)| Piece::Checksum(from, to, seed)),
        6 => any::<Choice>().prop_map(Piece::Call),
        2 => (legacy, -4..90_i16, proptest::option::of(any::<Choice>()))
            .prop_map(|(size, off, index)| Piece::Legacy(size, off, index)),
        1 => source().prop_map(Piece::Exit),
    ]
}

fn memory() -> impl Strategy<Value = Memory> {
    let check = select(&[JumpOp::Gt, JumpOp::Ge, JumpOp::Lt, JumpOp::Le][..]);
    let region = prop_oneof![
        3 => (0..24_u8).prop_map(Region::Direct),
        3 => (store(), source()).prop_map(|(map, key)| Region::Value(map, key)),
        4 => (1..40_u8, check).prop_map(|(len, op)| Region::Packet(len, op)),
        2 => Just(Region::Stack),
    ];
    let detour = prop_oneof![5 => Just(Detour::None), 1 => Just(Detour::Stack)];
    let accesses = vec(access(), 1..4);
    let index = prop_oneof![1 => Just(None), 1 => index().prop_map(Some)];
    (region, any::<Choice>(), index, accesses, detour).prop_map(
        |(region, base, index, accesses, detour)| Memory {
            region,
            base,
            index,
            accesses,
            detour,
        },
    )
}

fn index() -> impl Strategy<Value = Index> {
    let bound = prop_oneof![
        width().prop_map(Bound::Mask),
        width().prop_map(Bound::Unsigned),
        width().prop_map(Bound::Signed),
        width().prop_map(Bound::Shift),
        width().prop_map(Bound::Equal),
    ];
    let scale = select(&[Scale::Bytes, Scale::Words][..]);
    (any::<Choice>(), any::<u8>(), bound, scale).prop_map(|(from, limit, bound, scale)| Index {
        from,
        limit,
        bound,
        scale,
    })
}

fn access() -> impl Strategy<Value = Access> {
    let c = any::<Choice>;
    let does = prop_oneof![
        3 => (c(), extend()).prop_map(|(dst, extend)| Does::Load(dst, extend)),
        2 => source().prop_map(Does::Store),
        2 => (select(&ATOMICS[..]), c()).prop_map(|(op, src)| Does::Atomic(op, src)),
    ];
    (size(), any::<u8>(), does).prop_map(|(size, off, does)| Access { size, off, does })
}

const ATOMICS: [AtomicOp; 10] = [
    AtomicOp::Add(Fetch::No),
    AtomicOp::Add(Fetch::Yes),
    AtomicOp::Or(Fetch::No),
    AtomicOp::Or(Fetch::Yes),
    AtomicOp::And(Fetch::No),
    AtomicOp::And(Fetch::Yes),
    AtomicOp::Xor(Fetch::No),
    AtomicOp::Xor(Fetch::Yes),
    AtomicOp::Xchg,
    AtomicOp::Cmpxchg,
];

/// Every two-operand operation.
pub(super) const ALU_OPS: [AluOp; 14] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::And,
    AluOp::Or,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Lsh,
    AluOp::Rsh,
    AluOp::Arsh,
    AluOp::Mul,
    AluOp::Div,
    AluOp::SDiv,
    AluOp::Mod,
    AluOp::SMod,
];

/// Every condition.
pub(super) const JUMP_OPS: [JumpOp; 11] = [
    JumpOp::Eq,
    JumpOp::Ne,
    JumpOp::Gt,
    JumpOp::Ge,
    JumpOp::Lt,
    JumpOp::Le,
    JumpOp::SGt,
    JumpOp::SGe,
    JumpOp::SLt,
    JumpOp::SLe,
    JumpOp::Set,
];

fn alu_op() -> impl Strategy<Value = AluOp> {
    select(&ALU_OPS[..])
}

fn jump_op() -> impl Strategy<Value = JumpOp> {
    select(&JUMP_OPS[..])
}

fn width() -> impl Strategy<Value = Width> {
    select(&[Width::W64, Width::W32][..])
}

fn size() -> impl Strategy<Value = Size> {
    select(&[Size::DW, Size::W, Size::H, Size::B][..])
}

fn extend() -> impl Strategy<Value = Extend> {
    prop_oneof![3 => Just(Extend::Zero), 1 => Just(Extend::Sign)]
}

fn store() -> impl Strategy<Value = Store> {
    select(&[Store::Array, Store::Hash][..])
}

fn form() -> impl Strategy<Value = JumpForm> {
    prop_oneof![3 => Just(JumpForm::Short), 1 => Just(JumpForm::Long)]
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        1 => any::<Choice>().prop_map(Source::Reg),
        1 => imm().prop_map(Source::Imm),
    ]
}

/// Numbers that programs are written with, and the edges.
fn imm() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => -2..10_i32,
        2 => -100..300_i32,
        2 => (0..31_u32, -1..2_i32).prop_map(|(bit, by)| (1_i32 << bit).wrapping_add(by)),
        1 => select(&[i32::MIN, i32::MIN + 1, -1, i32::MAX][..]),
        1 => any::<i32>(),
    ]
}

/// As [`imm`], in 64 bits.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 0..16_u64,
        2 => (0..64_u32, -1..2_i64).prop_map(|(bit, by)| (1_u64 << bit).wrapping_add_signed(by)),
        1 => imm().prop_map(|value| i64::from(value).cast_unsigned()),
        1 => any::<u64>(),
    ]
}
