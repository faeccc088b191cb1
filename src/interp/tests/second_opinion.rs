//! Random straight-line programs in rbpf's interpreter and in ours, for the shapes that rbpf knows.

use proptest::prelude::*;

use super::super::fixture::Fixture;
use super::values::mov;
use crate::abi::ProgType;
use crate::isa::{AluOp, Insn, JumpOp, Operand, Reg, Size, Width, encode_program};
use crate::machine::Addr;

/// Operations that rbpf agrees on: it has no signed division, and a 32-bit remainder by zero keeps
/// the upper half.
const OPS: [AluOp; 9] = [
    AluOp::Add,
    AluOp::Sub,
    AluOp::Mul,
    AluOp::Div,
    AluOp::Or,
    AluOp::And,
    AluOp::Xor,
    AluOp::Mov,
    AluOp::Lsh,
];

fn register() -> impl Strategy<Value = Reg> {
    (0..6_u8).prop_map(|number| Reg::new(number).expect("exists"))
}

fn insn() -> impl Strategy<Value = Insn> {
    let alu = (
        0..OPS.len(),
        0..2_usize,
        register(),
        register(),
        any::<i32>(),
        any::<bool>(),
    );
    let alu = alu.prop_map(|(op, width, dst, src, imm, by_imm)| {
        let (op, width) = (OPS[op], Width::ALL[width]);
        let imm = match op {
            AluOp::Lsh => imm & 31,
            AluOp::Div => imm | 1,
            _ => imm,
        };
        let by_register = matches!(op, AluOp::Lsh) || by_imm;
        let src = if by_register {
            Operand::Imm(imm)
        } else {
            Operand::Reg(src)
        };
        Insn::Alu {
            width,
            op,
            dst,
            src,
        }
    });
    let jump = (
        0..JumpOp::ALL.len(),
        0..2_usize,
        register(),
        register(),
        0..4_i16,
    );
    let jump = jump.prop_map(|(op, width, dst, src, off)| Insn::JumpIf {
        width: Width::ALL[width],
        op: JumpOp::ALL[op],
        dst,
        src: Operand::Reg(src),
        off,
    });
    let slot = (register(), 1..8_i16, any::<bool>()).prop_map(|(reg, slot, store)| {
        let (size, base, off) = (Size::DW, Reg::FP, -8 * slot);
        if store {
            Insn::Store {
                size,
                base,
                off,
                src: Operand::Reg(reg),
            }
        } else {
            Insn::Load {
                size,
                extend: crate::isa::Extend::Zero,
                dst: reg,
                base,
                off,
            }
        }
    });
    prop_oneof![4 => alu, 1 => jump, 2 => slot]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_programs_give_what_rbpf_gives(
        seeds in proptest::array::uniform6(any::<i32>()),
        body in proptest::collection::vec(insn(), 1..40),
    ) {
        let mut insns = Vec::new();
        for (reg, seed) in Reg::all().zip(seeds) {
            insns.push(mov(reg, Operand::Imm(seed)));
        }
        for slot in 1..8 {
            let (size, base, off) = (Size::DW, Reg::FP, -8 * slot);
            insns.push(Insn::Store { size, base, off, src: Operand::Imm(i32::from(slot)) });
        }
        insns.extend(body);
        // Jumps at the end land on one of these.
        for _ in 0..4 {
            insns.push(Insn::Alu { width: Width::W64, op: AluOp::Add, dst: Reg::R0, src: Operand::Reg(Reg::R1) });
        }
        insns.push(Insn::Exit);
        let bytes: Vec<u8> =
            encode_program(&insns).iter().flat_map(|slot| slot.to_le_bytes()).collect();
        let theirs = rbpf::EbpfVmNoData::new(Some(&bytes)).expect("rbpf loads").execute_program();
        let fixture = Fixture::new();
        let code = fixture.lower(ProgType::SocketFilter, &insns);
        let ours = fixture.run(&code, Addr::NULL).result;
        prop_assert_eq!(ours.ok(), theirs.ok(), "{}", code);
    }
}
