//! From a plan to instructions that the verifier should accept.
//!
//! It follows, as roughly as will do, which registers hold numbers and which stack bytes were
//! written on every way that leads here, and lets pieces choose among those alone. Whether a
//! variable offset stays in its region is up to the plan: it mostly does.
//!
//! Registers: `r6` is the context; `r7`, `r8` and `r9` always hold numbers, the latter two count
//! loops; `r0` to `r5` come and go. The stack, down from the top: 64 bytes of numbers, a key, a
//! value, a spilled pointer.

mod pieces;
mod region;

use super::plan::{Branch, Choice, Kind, Piece, Plan, Source};
use crate::isa::{
    AluOp, CallTarget, Extend, Imm64, Insn, JumpForm, JumpOp, Operand, Reg, Size, Width,
};

/// Index of the array whose only value programs address directly.
pub(super) const DIRECT: i32 = 0;
/// Index of the array that programs look up.
pub(super) const ARRAY: i32 = 1;
/// Index of the hash.
pub(super) const HASH: i32 = 2;
/// Index of the array that receives what registers hold at the end.
pub(super) const RESULTS: i32 = 3;

/// Bytes of stack that hold numbers.
const NUMBERS: i16 = 64;
/// Where a key is put.
const KEY: i16 = -72;
/// Where a value is put.
const VALUE: i16 = -88;
/// Where a pointer is put.
const POINTER: i16 = -96;
/// Where a program is long enough.
const ENOUGH: usize = 4000;

/// The instructions of a plan, without its mutations.
pub(super) fn emit(plan: &Plan) -> Vec<Insn> {
    let mut emitter = Emitter {
        plan,
        insns: Vec::new(),
        calls: Vec::new(),
        frame: Frame::main(),
    };
    emitter.main();
    let mut starts = Vec::new();
    for (index, body) in plan.subprogs.iter().enumerate() {
        if !emitter.calls.iter().any(|(_, called)| *called == index) {
            starts.push(None);
            continue;
        }
        starts.push(Some(emitter.insns.len()));
        emitter.subprog(index, body);
    }
    emitter.link(&starts);
    emitter.insns
}

/// What is known where the next instruction goes.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Registers that hold a number, a bit each.
    numbers: u16,
    /// Stack bytes that hold a number, from the lowest, a bit each.
    stack: u64,
    /// Whether control gets here.
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    Ended,
}

impl State {
    /// What holds after either of two ways.
    fn join(self, other: State) -> State {
        match (self.way, other.way) {
            (Way::Ended, _) => other,
            (_, Way::Ended) => self,
            (Way::Open, Way::Open) => State {
                numbers: self.numbers & other.numbers,
                stack: self.stack & other.stack,
                way: Way::Open,
            },
        }
    }
}

/// What belongs to one function.
#[derive(Clone, Copy, Debug)]
struct Frame {
    state: State,
    /// Registers that nobody may write, a bit each.
    pinned: u16,
    loops: u8,
    /// The first subprogram that may be called.
    callable: usize,
    function: Function,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Main,
    Subprog,
}

impl Frame {
    fn main() -> Frame {
        Frame {
            state: State {
                numbers: 0,
                stack: 0,
                way: Way::Open,
            },
            pinned: bit(Reg::R6) | bit(Reg::FP),
            loops: 0,
            callable: 0,
            function: Function::Main,
        }
    }
}

/// A jump whose target is not known yet.
#[must_use]
struct Pending(usize);

struct Emitter<'a> {
    plan: &'a Plan,
    insns: Vec<Insn>,
    /// Calls of subprograms: where, and of which.
    calls: Vec<(usize, usize)>,
    frame: Frame,
}

fn bit(reg: Reg) -> u16 {
    1 << reg.number()
}

impl Emitter<'_> {
    fn main(&mut self) {
        self.mov(Reg::R6, Operand::Reg(Reg::R1));
        self.direct(Reg::R1, 0);
        for (reg, size, off) in [
            (Reg::R7, Size::DW, 0),
            (Reg::R8, Size::W, 8),
            (Reg::R9, Size::B, 16),
        ] {
            self.load(reg, size, Extend::Zero, Reg::R1, off);
            self.set_number(reg);
        }
        self.pieces(&self.plan.main);
        if self.frame.state.way == Way::Open {
            self.results();
            self.exit(Source::Reg(0));
        }
    }

    fn subprog(&mut self, index: usize, body: &[Piece]) {
        self.frame = Frame {
            callable: index + 1,
            function: Function::Subprog,
            ..Frame::main()
        };
        self.mov(Reg::R6, Operand::Reg(Reg::R1));
        for (to, from) in [(Reg::R7, Reg::R2), (Reg::R8, Reg::R3), (Reg::R9, Reg::R4)] {
            self.mov(to, Operand::Reg(from));
            self.set_number(to);
        }
        self.pieces(body);
        if self.frame.state.way == Way::Open {
            self.exit(Source::Reg(7));
        }
    }

    /// Gives calls their distances.
    fn link(&mut self, starts: &[Option<usize>]) {
        for (at, called) in std::mem::take(&mut self.calls) {
            let target = starts.get(called).copied().flatten().unwrap_or_default();
            let off = distance(at, target);
            self.replace(at, Insn::Call(CallTarget::Local(off)));
        }
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            if self.frame.state.way == Way::Ended || self.insns.len() > ENOUGH {
                return;
            }
            self.piece(piece);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        let lhs = self.number(branch.lhs);
        let rhs = self.operand(branch.rhs);
        let taken = self.jump_if(branch.width, branch.op, lhs, rhs);
        let before = self.frame.state;
        self.pieces(&branch.otherwise);
        let otherwise = self.frame.state;
        let over = (otherwise.way == Way::Open).then(|| self.jump(branch.form));
        self.land(taken);
        self.frame.state = before;
        self.pieces(&branch.then);
        if let Some(over) = over {
            self.land(over);
        }
        self.frame.state = self.frame.state.join(otherwise);
    }

    /// Stores what registers hold where it can be seen afterwards.
    fn results(&mut self) {
        let numbers = self.frame.state.numbers;
        let unused = Reg::all().take(6).find(|reg| numbers & bit(*reg) == 0);
        let base = unused.unwrap_or(Reg::R5);
        self.forget(base);
        self.imm64(
            base,
            Imm64::MapValue {
                fd: RESULTS,
                off: 0,
            },
        );
        for (reg, off) in Reg::all().take(10).zip((0..).step_by(8)) {
            if self.frame.state.numbers & bit(reg) != 0 {
                self.store(Size::DW, base, off, Operand::Reg(reg));
            }
        }
    }

    fn exit(&mut self, value: Source) {
        let value = self.operand(value);
        self.mov(Reg::R0, value);
        self.push(Insn::Exit);
        self.frame.state.way = Way::Ended;
    }

    // Registers.

    fn set_number(&mut self, reg: Reg) {
        self.frame.state.numbers |= bit(reg);
    }

    fn forget(&mut self, reg: Reg) {
        self.frame.state.numbers &= !bit(reg);
    }

    /// What a call leaves.
    fn clobber(&mut self) {
        Reg::all().take(6).for_each(|reg| self.forget(reg));
    }

    fn pick(&self, choice: Choice, among: u16) -> Option<Reg> {
        let regs: Vec<Reg> = Reg::all().filter(|reg| among & bit(*reg) != 0).collect();
        let index = usize::from(choice).checked_rem(regs.len())?;
        regs.get(index).copied()
    }

    /// A register that holds a number.
    fn number(&self, choice: Choice) -> Reg {
        self.pick(choice, self.frame.state.numbers)
            .unwrap_or(Reg::R7)
    }

    /// A register that holds a number and may be written.
    fn changing(&self, choice: Choice) -> Reg {
        self.pick(choice, self.frame.state.numbers & !self.frame.pinned)
            .unwrap_or(Reg::R7)
    }

    /// A register that may be written.
    fn writable(&self, choice: Choice) -> Reg {
        self.pick(choice, !self.frame.pinned).unwrap_or(Reg::R7)
    }

    /// A register that calls do not preserve, to hold something for a moment.
    fn scratch(&self, choice: Choice) -> Reg {
        self.pick(choice, 0x3f & !self.frame.pinned)
            .unwrap_or(Reg::R5)
    }

    fn operand(&self, source: Source) -> Operand {
        match source {
            Source::Reg(choice) => Operand::Reg(self.number(choice)),
            Source::Imm(imm) => Operand::Imm(imm),
        }
    }

    // Instructions.

    fn push(&mut self, insn: Insn) {
        self.insns.push(insn);
    }

    fn replace(&mut self, at: usize, insn: Insn) {
        if let Some(place) = self.insns.get_mut(at) {
            *place = insn;
        }
    }

    fn alu(&mut self, width: Width, op: AluOp, dst: Reg, src: Operand) {
        self.push(Insn::Alu {
            width,
            op,
            dst,
            src,
        });
    }

    fn mov(&mut self, dst: Reg, src: Operand) {
        self.alu(Width::W64, AluOp::Mov, dst, src);
    }

    fn add(&mut self, dst: Reg, imm: i32) {
        self.alu(Width::W64, AluOp::Add, dst, Operand::Imm(imm));
    }

    fn imm64(&mut self, dst: Reg, value: Imm64) {
        self.push(Insn::LoadImm64 { dst, value });
        self.push(Insn::Imm64High);
    }

    /// The address of a byte of the directly addressed value.
    fn direct(&mut self, dst: Reg, off: u32) {
        self.imm64(dst, Imm64::MapValue { fd: DIRECT, off });
    }

    fn load(&mut self, dst: Reg, size: Size, extend: Extend, base: Reg, off: i16) {
        // All 64 bits have no sign to extend.
        let extend = match size {
            Size::DW => Extend::Zero,
            Size::B | Size::H | Size::W => extend,
        };
        self.push(Insn::Load {
            size,
            extend,
            dst,
            base,
            off,
        });
    }

    fn store(&mut self, size: Size, base: Reg, off: i16, src: Operand) {
        self.push(Insn::Store {
            size,
            base,
            off,
            src,
        });
    }

    fn call(&mut self, helper: i32) {
        self.push(Insn::Call(CallTarget::Helper(helper)));
        self.clobber();
    }

    fn jump(&mut self, form: JumpForm) -> Pending {
        self.push(Insn::Jump { form, off: 0 });
        Pending(self.insns.len() - 1)
    }

    fn jump_if(&mut self, width: Width, op: JumpOp, dst: Reg, src: Operand) -> Pending {
        self.push(Insn::JumpIf {
            width,
            op,
            dst,
            src,
            off: 0,
        });
        Pending(self.insns.len() - 1)
    }

    /// Lets a jump lead to the next instruction.
    fn land(&mut self, Pending(at): Pending) {
        self.aim(at, self.insns.len());
    }

    fn aim(&mut self, at: usize, target: usize) {
        let off = distance(at, target);
        match self.insns.get_mut(at) {
            Some(Insn::Jump { off: place, .. }) => *place = off,
            Some(Insn::JumpIf { off: place, .. }) => {
                // Programs are shorter than what 16 bits count.
                *place = i16::try_from(off).unwrap_or(0);
            }
            _ => {}
        }
    }
}

/// The distance of a jump from the slot `at` to `target`, as encoded.
fn distance(at: usize, target: usize) -> i32 {
    let slot = |index: usize| i64::try_from(index).unwrap_or(i64::MAX);
    i32::try_from(slot(target) - slot(at) - 1).unwrap_or(0)
}

/// Whether programs of that type have pointers into the packet.
fn sees_packet(kind: Kind) -> bool {
    match kind {
        Kind::Xdp | Kind::SchedCls => true,
        Kind::SocketFilter => false,
    }
}
