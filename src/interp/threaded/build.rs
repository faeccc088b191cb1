//! From operations to links: which kind of work each is, and which of them do the next one's work as well.
//!
//! Rules:
//! - [`choose`] knows the kind of every operation; a [`Chooser`] says what is made of it.
//! - Pairs are those that profiles of compiled programs show most: a move or an addition with whatever follows, since
//!   code for two addresses says `a = b + c` and counts loops in two operations; and a branch with the jump of its other case.

use std::marker::PhantomData;

use super::handlers::{
    branch, branch_or_jump, jump, leave, one, two, work_then_branch, work_then_jump,
};
use super::work::{
    Arith, Compared, Loaded, Negated, NumberStored, Second, SignMoved, SrcImm, SrcReg, Stored,
    Swapped, Test, Work,
};
use super::{Handler, Link, Threaded};
use crate::code::{Branch, Code, Op, Target};
use crate::isa::alu::imm;
use crate::isa::{AluOp, ByteOrder, Extend, JumpOp, Reg, Size, Width};

const W32: u8 = Width::W32 as u8;
const W64: u8 = Width::W64 as u8;
const B: u8 = Size::B as u8;
const H: u8 = Size::H as u8;
const W: u8 = Size::W as u8;
const DW: u8 = Size::DW as u8;
const ZERO: u8 = Extend::Zero as u8;
const SIGN: u8 = Extend::Sign as u8;
const ADD: u8 = AluOp::Add as u8;
const MOV: u8 = AluOp::Mov as u8;

impl Threaded {
    /// The links of a program.
    pub(in crate::interp) fn new(code: &Code) -> Threaded {
        let following = code.ops.iter().skip(1).map(Some).chain([None]);
        let links = code.ops.iter().zip(following);
        Threaded {
            links: links
                .map(|(op, next)| link(op, handler(op, next)))
                .collect(),
        }
    }
}

/// What does an operation, and perhaps the next one.
fn handler(op: &Op, next: Option<&Op>) -> Handler {
    let Some(next) = next else {
        return choose(op, Alone);
    };
    match (op, next) {
        (Op::JumpIfReg { .. } | Op::JumpIfImm { .. }, Op::Jump { .. }) => choose(op, OrJump),
        (Op::Alu64Reg { op: AluOp::Mov, .. }, _) => {
            choose(next, After::<Arith<MOV, W64, SrcReg>>(PhantomData))
        }
        (Op::Alu32Reg { op: AluOp::Mov, .. }, _) => {
            choose(next, After::<Arith<MOV, W32, SrcReg>>(PhantomData))
        }
        (Op::Alu64Imm { op: AluOp::Add, .. }, _) => {
            choose(next, After::<Arith<ADD, W64, SrcImm>>(PhantomData))
        }
        (Op::Alu32Imm { op: AluOp::Add, .. }, _) => {
            choose(next, After::<Arith<ADD, W32, SrcImm>>(PhantomData))
        }
        _ => choose(op, Alone),
    }
}

/// What is made of an operation, by its kind.
trait Chooser {
    fn work<W: Work>(self) -> Handler;
    fn branch<T: Test>(self) -> Handler;
    fn jump(self) -> Handler;
    /// It is for the loop to do.
    fn other(self) -> Handler;
}

/// The operation alone.
struct Alone;

impl Chooser for Alone {
    fn work<W: Work>(self) -> Handler {
        one::<W>
    }

    fn branch<T: Test>(self) -> Handler {
        branch::<T>
    }

    fn jump(self) -> Handler {
        jump
    }

    fn other(self) -> Handler {
        leave
    }
}

/// The operation after such work.
struct After<A>(PhantomData<A>);

impl<A: Work> Chooser for After<A> {
    fn work<W: Work>(self) -> Handler {
        two::<A, W>
    }

    fn branch<T: Test>(self) -> Handler {
        work_then_branch::<A, T>
    }

    fn jump(self) -> Handler {
        work_then_jump::<A>
    }

    fn other(self) -> Handler {
        one::<A>
    }
}

/// The operation, a jump being next.
struct OrJump;

impl Chooser for OrJump {
    fn work<W: Work>(self) -> Handler {
        one::<W>
    }

    fn branch<T: Test>(self) -> Handler {
        branch_or_jump::<T>
    }

    fn jump(self) -> Handler {
        jump
    }

    fn other(self) -> Handler {
        leave
    }
}

/// Names the kind of an operation.
fn choose<C: Chooser>(op: &Op, chooser: C) -> Handler {
    match *op {
        Op::Alu64Reg { op, .. } => arith::<W64, SrcReg, C>(op, chooser),
        Op::Alu64Imm { op, .. } => arith::<W64, SrcImm, C>(op, chooser),
        Op::Alu32Reg { op, .. } => arith::<W32, SrcReg, C>(op, chooser),
        Op::Alu32Imm { op, .. } => arith::<W32, SrcImm, C>(op, chooser),
        Op::Neg { width, .. } => match width {
            Width::W32 => chooser.work::<Negated<W32>>(),
            Width::W64 => chooser.work::<Negated<W64>>(),
        },
        Op::MovSx { width, from, .. } => match (width, from) {
            (Width::W32, Size::B) => chooser.work::<SignMoved<W32, B>>(),
            (Width::W32, Size::H) => chooser.work::<SignMoved<W32, H>>(),
            (Width::W64, Size::B) => chooser.work::<SignMoved<W64, B>>(),
            (Width::W64, Size::H) => chooser.work::<SignMoved<W64, H>>(),
            (Width::W64, Size::W) => chooser.work::<SignMoved<W64, W>>(),
            (Width::W32, Size::W | Size::DW) | (Width::W64, Size::DW) => chooser.other(),
        },
        Op::Endian { order, size, .. } => match (order, size) {
            (ByteOrder::Be | ByteOrder::Swap, Size::H) => chooser.work::<Swapped<H>>(),
            (ByteOrder::Be | ByteOrder::Swap, Size::W) => chooser.work::<Swapped<W>>(),
            (ByteOrder::Be | ByteOrder::Swap, Size::DW) => chooser.work::<Swapped<DW>>(),
            (ByteOrder::Be | ByteOrder::Swap, Size::B) | (ByteOrder::Le, _) => chooser.other(),
        },
        Op::LoadImm { .. } => chooser.work::<Arith<MOV, W64, SrcImm>>(),
        Op::Load(load) | Op::LoadProbed(load) => match (load.at.size, load.extend) {
            (Size::B, Extend::Zero) => chooser.work::<Loaded<B, ZERO>>(),
            (Size::H, Extend::Zero) => chooser.work::<Loaded<H, ZERO>>(),
            (Size::W, Extend::Zero) => chooser.work::<Loaded<W, ZERO>>(),
            (Size::B, Extend::Sign) => chooser.work::<Loaded<B, SIGN>>(),
            (Size::H, Extend::Sign) => chooser.work::<Loaded<H, SIGN>>(),
            (Size::W, Extend::Sign) => chooser.work::<Loaded<W, SIGN>>(),
            (Size::DW, Extend::Zero | Extend::Sign) => chooser.work::<Loaded<DW, ZERO>>(),
        },
        Op::StoreReg { at, .. } => match at.size {
            Size::B => chooser.work::<Stored<B>>(),
            Size::H => chooser.work::<Stored<H>>(),
            Size::W => chooser.work::<Stored<W>>(),
            Size::DW => chooser.work::<Stored<DW>>(),
        },
        Op::StoreImm { at, .. } => match at.size {
            Size::B => chooser.work::<NumberStored<B>>(),
            Size::H => chooser.work::<NumberStored<H>>(),
            Size::W => chooser.work::<NumberStored<W>>(),
            Size::DW => chooser.work::<NumberStored<DW>>(),
        },
        Op::Jump { .. } => chooser.jump(),
        Op::JumpIfReg { branch, .. } => compared::<SrcReg, C>(branch, chooser),
        Op::JumpIfImm { branch, .. } => compared::<SrcImm, C>(branch, chooser),
        Op::Cast { .. }
        | Op::LoadContext(_)
        | Op::LoadArena(_)
        | Op::StoreArenaReg { .. }
        | Op::StoreArenaImm { .. }
        | Op::AtomicArena(_)
        | Op::Atomic(_)
        | Op::LegacyLoad { .. }
        | Op::MayGoto { .. }
        | Op::CallHelper { .. }
        | Op::CallKfunc { .. }
        | Op::LookupArray { .. }
        | Op::Tell { .. }
        | Op::Loop { .. }
        | Op::TailCall
        | Op::CallLocal { .. }
        | Op::CallReg { .. }
        | Op::Exit
        | Op::Unreached => chooser.other(),
    }
}

fn arith<const WIDTH: u8, S: Second, C: Chooser>(op: AluOp, chooser: C) -> Handler {
    match op {
        AluOp::Add => chooser.work::<Arith<ADD, WIDTH, S>>(),
        AluOp::Sub => chooser.work::<Arith<{ AluOp::Sub as u8 }, WIDTH, S>>(),
        AluOp::Mul => chooser.work::<Arith<{ AluOp::Mul as u8 }, WIDTH, S>>(),
        AluOp::Div => chooser.work::<Arith<{ AluOp::Div as u8 }, WIDTH, S>>(),
        AluOp::SDiv => chooser.work::<Arith<{ AluOp::SDiv as u8 }, WIDTH, S>>(),
        AluOp::Or => chooser.work::<Arith<{ AluOp::Or as u8 }, WIDTH, S>>(),
        AluOp::And => chooser.work::<Arith<{ AluOp::And as u8 }, WIDTH, S>>(),
        AluOp::Lsh => chooser.work::<Arith<{ AluOp::Lsh as u8 }, WIDTH, S>>(),
        AluOp::Rsh => chooser.work::<Arith<{ AluOp::Rsh as u8 }, WIDTH, S>>(),
        AluOp::Mod => chooser.work::<Arith<{ AluOp::Mod as u8 }, WIDTH, S>>(),
        AluOp::SMod => chooser.work::<Arith<{ AluOp::SMod as u8 }, WIDTH, S>>(),
        AluOp::Xor => chooser.work::<Arith<{ AluOp::Xor as u8 }, WIDTH, S>>(),
        AluOp::Mov => chooser.work::<Arith<MOV, WIDTH, S>>(),
        AluOp::Arsh => chooser.work::<Arith<{ AluOp::Arsh as u8 }, WIDTH, S>>(),
    }
}

fn compared<S: Second, C: Chooser>(branch: Branch, chooser: C) -> Handler {
    match branch.width {
        Width::W32 => compared_in::<W32, S, C>(branch.op, chooser),
        Width::W64 => compared_in::<W64, S, C>(branch.op, chooser),
    }
}

fn compared_in<const WIDTH: u8, S: Second, C: Chooser>(op: JumpOp, chooser: C) -> Handler {
    match op {
        JumpOp::Eq => chooser.branch::<Compared<{ JumpOp::Eq as u8 }, WIDTH, S>>(),
        JumpOp::Gt => chooser.branch::<Compared<{ JumpOp::Gt as u8 }, WIDTH, S>>(),
        JumpOp::Ge => chooser.branch::<Compared<{ JumpOp::Ge as u8 }, WIDTH, S>>(),
        JumpOp::Set => chooser.branch::<Compared<{ JumpOp::Set as u8 }, WIDTH, S>>(),
        JumpOp::Ne => chooser.branch::<Compared<{ JumpOp::Ne as u8 }, WIDTH, S>>(),
        JumpOp::SGt => chooser.branch::<Compared<{ JumpOp::SGt as u8 }, WIDTH, S>>(),
        JumpOp::SGe => chooser.branch::<Compared<{ JumpOp::SGe as u8 }, WIDTH, S>>(),
        JumpOp::Lt => chooser.branch::<Compared<{ JumpOp::Lt as u8 }, WIDTH, S>>(),
        JumpOp::Le => chooser.branch::<Compared<{ JumpOp::Le as u8 }, WIDTH, S>>(),
        JumpOp::SLt => chooser.branch::<Compared<{ JumpOp::SLt as u8 }, WIDTH, S>>(),
        JumpOp::SLe => chooser.branch::<Compared<{ JumpOp::SLe as u8 }, WIDTH, S>>(),
    }
}

/// The operands of an operation, as its kind reads them.
fn link(op: &Op, handler: Handler) -> Link {
    let none = Link {
        handler,
        imm: 0,
        small: 0,
        dst: Reg::R0,
        src: Reg::R0,
    };
    let branching = |branch: Branch| Link {
        dst: branch.dst,
        small: branch.target.0,
        ..none
    };
    match *op {
        Op::Alu64Reg { dst, src, .. }
        | Op::Alu32Reg { dst, src, .. }
        | Op::MovSx { dst, src, .. } => Link { dst, src, ..none },
        Op::Alu64Imm { dst, imm, .. } | Op::LoadImm { dst, value: imm } => {
            Link { dst, imm, ..none }
        }
        Op::Alu32Imm { dst, imm, .. } => Link {
            dst,
            imm: u64::from(imm),
            ..none
        },
        Op::Neg { dst, .. } | Op::Endian { dst, .. } => Link { dst, ..none },
        Op::Load(load) | Op::LoadProbed(load) => Link {
            dst: load.dst,
            src: load.at.base,
            imm: imm(load.at.off),
            ..none
        },
        Op::StoreReg { at, src } => Link {
            dst: at.base,
            src,
            imm: imm(at.off),
            ..none
        },
        Op::StoreImm { at, imm: value } => Link {
            dst: at.base,
            imm: imm(at.off),
            small: value.cast_unsigned(),
            ..none
        },
        Op::Jump {
            target: Target(small),
        } => Link { small, ..none },
        Op::JumpIfReg { branch, src } => Link {
            src,
            ..branching(branch)
        },
        Op::JumpIfImm { branch, imm: value } => Link {
            imm: imm(value),
            ..branching(branch)
        },
        Op::Cast { .. }
        | Op::LoadContext(_)
        | Op::LoadArena(_)
        | Op::StoreArenaReg { .. }
        | Op::StoreArenaImm { .. }
        | Op::AtomicArena(_)
        | Op::Atomic(_)
        | Op::LegacyLoad { .. }
        | Op::MayGoto { .. }
        | Op::CallHelper { .. }
        | Op::CallKfunc { .. }
        | Op::LookupArray { .. }
        | Op::Tell { .. }
        | Op::Loop { .. }
        | Op::TailCall
        | Op::CallLocal { .. }
        | Op::CallReg { .. }
        | Op::Exit
        | Op::Unreached => none,
    }
}
