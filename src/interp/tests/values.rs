//! Arithmetic, comparisons and atomics over edge values and random operands.

use proptest::prelude::*;

use super::super::fixture::Fixture;
use super::model;
use crate::abi::ProgType;
use crate::isa::{
    AluOp, AtomicOp, ByteOrder, Fetch, Insn, JumpForm, JumpOp, Operand, Reg, Size, Width,
};
use crate::machine::Addr;

const ATOMIC_OPS: [AtomicOp; 10] = [
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

pub(super) const EDGES: [u64; 14] = [
    0,
    1,
    2,
    31,
    32,
    63,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    u64::MAX,
];

/// Immediates that decode for every operation.
fn immediates(op: AluOp, width: Width) -> Vec<i32> {
    let all = [0, 1, 2, 31, 63, 0x7fff_ffff, i32::MIN, -1, 0x1234_5678];
    let bits = if width == Width::W32 { 32 } else { 64 };
    let decodes = |imm: &i32| match op {
        AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod => *imm != 0,
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh => (0..bits).contains(imm),
        _ => true,
    };
    all.into_iter().filter(decodes).collect()
}

pub(super) fn load(dst: Reg, off: i16) -> Insn {
    let (size, extend) = (Size::DW, crate::isa::Extend::Zero);
    Insn::Load {
        size,
        extend,
        dst,
        base: Reg::R1,
        off,
    }
}

pub(super) fn mov(dst: Reg, src: Operand) -> Insn {
    Insn::Alu {
        width: Width::W64,
        op: AluOp::Mov,
        dst,
        src,
    }
}

/// A program over two numbers in its context, `r6` and `r7`; what `body` leaves in `r0` counts.
struct Binary {
    fixture: Fixture,
    code: crate::code::Code,
    operands: Addr,
}

impl Binary {
    fn new(body: &[Insn]) -> Binary {
        let fixture = Fixture::new();
        let mut insns = vec![load(Reg::R6, 0), load(Reg::R7, 8)];
        insns.extend_from_slice(body);
        insns.push(Insn::Exit);
        let code = fixture.lower(ProgType::SocketFilter, &insns);
        let operands = fixture.data(&[0; 16]);
        Binary {
            fixture,
            code,
            operands,
        }
    }

    fn run(&self, a: u64, b: u64) -> u64 {
        let bytes = [a.to_le_bytes(), b.to_le_bytes()].concat();
        self.fixture
            .machine
            .memory
            .poke(self.operands, &bytes)
            .expect("in bounds");
        self.fixture
            .run(&self.code, self.operands)
            .result
            .expect("runs")
    }

    fn agrees(
        &self,
        what: &dyn std::fmt::Debug,
        model: &dyn Fn(u64, u64) -> u64,
        random: &[(u64, u64)],
    ) {
        let edges = EDGES
            .iter()
            .flat_map(|a| EDGES.iter().map(move |b| (*a, *b)));
        for (a, b) in edges.chain(random.iter().copied()) {
            assert_eq!(self.run(a, b), model(a, b), "{what:?} of {a:#x} and {b:#x}");
        }
    }
}

/// Random operands from proptest's own generator, so that a failure names its seed.
fn random_pairs() -> Vec<(u64, u64)> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pair = (any::<u64>(), any::<u64>());
    (0..200)
        .map(|_| pair.new_tree(&mut runner).expect("a pair").current())
        .collect()
}

#[test]
fn alu_by_register_agrees_with_the_model() {
    let random = random_pairs();
    for (op, width) in AluOp::ALL
        .into_iter()
        .flat_map(|op| Width::ALL.map(|width| (op, width)))
    {
        let src = Operand::Reg(Reg::R7);
        let body = [
            mov(Reg::R0, Operand::Reg(Reg::R6)),
            Insn::Alu {
                width,
                op,
                dst: Reg::R0,
                src,
            },
        ];
        Binary::new(&body).agrees(&(op, width), &|a, b| model::alu(op, width, a, b), &random);
    }
}

#[test]
fn alu_by_immediate_agrees_with_the_model() {
    for (op, width) in AluOp::ALL
        .into_iter()
        .flat_map(|op| Width::ALL.map(|width| (op, width)))
    {
        for imm in immediates(op, width) {
            let src = Operand::Imm(imm);
            let body = [
                mov(Reg::R0, Operand::Reg(Reg::R6)),
                Insn::Alu {
                    width,
                    op,
                    dst: Reg::R0,
                    src,
                },
            ];
            let model = |a, _| model::alu(op, width, a, i64::from(imm) as u64);
            Binary::new(&body).agrees(&(op, width, imm), &model, &[]);
        }
    }
}

#[test]
fn unary_operations_agree_with_the_model() {
    let random = random_pairs();
    let dst = Reg::R0;
    let copy = mov(dst, Operand::Reg(Reg::R6));
    for width in Width::ALL {
        let body = [copy, Insn::Neg { width, dst }];
        Binary::new(&body).agrees(&("neg", width), &|a, _| model::neg(width, a), &random);
        for from in [Size::B, Size::H, Size::W] {
            if (from, width) != (Size::W, Width::W32) {
                let body = [Insn::MovSx {
                    width,
                    from,
                    dst,
                    src: Reg::R6,
                }];
                let model = |a, _| model::movsx(width, from, a);
                Binary::new(&body).agrees(&("movsx", width, from), &model, &random);
            }
        }
    }
    for order in [ByteOrder::Le, ByteOrder::Be, ByteOrder::Swap] {
        for size in [Size::H, Size::W, Size::DW] {
            let body = [copy, Insn::Endian { order, size, dst }];
            let model = |a, _| model::endian(order, size, a);
            Binary::new(&body).agrees(&(order, size), &model, &random);
        }
    }
}

#[test]
fn conditional_jumps_agree_with_the_model() {
    let random = random_pairs();
    for (op, width) in JumpOp::ALL
        .into_iter()
        .flat_map(|op| Width::ALL.map(|width| (op, width)))
    {
        let jump = |src| {
            [
                mov(Reg::R0, Operand::Imm(1)),
                Insn::JumpIf {
                    width,
                    op,
                    dst: Reg::R6,
                    src,
                    off: 1,
                },
                mov(Reg::R0, Operand::Imm(0)),
            ]
        };
        let by_register = |a, b| u64::from(model::compare(op, width, a, b));
        let program = Binary::new(&jump(Operand::Reg(Reg::R7)));
        program.agrees(&(op, width), &by_register, &random);
        for imm in [0, 1, -1, i32::MIN, i32::MAX] {
            let by_imm = |a, _| u64::from(model::compare(op, width, a, i64::from(imm) as u64));
            Binary::new(&jump(Operand::Imm(imm))).agrees(&(op, width, imm), &by_imm, &[]);
        }
    }
}

#[test]
fn unconditional_jumps_lead_where_they_say() {
    for form in [JumpForm::Short, JumpForm::Long] {
        let body = [
            mov(Reg::R0, Operand::Imm(1)),
            Insn::Jump { form, off: 1 },
            mov(Reg::R0, Operand::Imm(2)),
        ];
        assert_eq!(Binary::new(&body).run(0, 0), 1, "{form:?}");
    }
}

#[test]
fn atomics_agree_with_the_model() {
    let random = random_pairs();
    for (op, width) in ATOMIC_OPS
        .into_iter()
        .flat_map(|op| Width::ALL.map(|width| (op, width)))
    {
        // Memory holds a; the operand is b; r0, which cmpxchg compares with, is a or a + b.
        for same in [0, 1] {
            let atomic = Insn::Atomic {
                op,
                width,
                base: Reg::FP,
                off: -8,
                src: Reg::R7,
            };
            let src = Operand::Reg(Reg::R6);
            let run = |result: Reg| {
                let scaled = Operand::Imm(same);
                let body = [
                    Insn::Store {
                        size: Size::DW,
                        base: Reg::FP,
                        off: -8,
                        src,
                    },
                    mov(Reg::R0, Operand::Reg(Reg::R7)),
                    Insn::Alu {
                        width: Width::W64,
                        op: AluOp::Mul,
                        dst: Reg::R0,
                        src: scaled,
                    },
                    Insn::Alu {
                        width: Width::W64,
                        op: AluOp::Add,
                        dst: Reg::R0,
                        src,
                    },
                    atomic,
                    Insn::Load {
                        size: Size::DW,
                        extend: crate::isa::Extend::Zero,
                        dst: Reg::R8,
                        base: Reg::FP,
                        off: -8,
                    },
                    mov(Reg::R0, Operand::Reg(result)),
                ];
                Binary::new(&body)
            };
            let expected = |a: u64, b: u64| a.wrapping_add(b.wrapping_mul(same as u64));
            let model = |a, b| model::atomic(op, width, a, b, expected(a, b));
            run(Reg::R8).agrees(&(op, width, "memory"), &|a, b| model(a, b).memory, &random);
            run(Reg::R7).agrees(&(op, width, "src"), &|a, b| model(a, b).src, &random);
            run(Reg::R0).agrees(&(op, width, "r0"), &|a, b| model(a, b).r0, &random);
        }
    }
}
