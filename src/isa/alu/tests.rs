use proptest::prelude::*;

use super::*;
use crate::isa::tests::ATOMIC_OPS;

const EDGES: [u64; 16] = [
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

fn bits(width: Width) -> u32 {
    match width {
        Width::W32 => 32,
        Width::W64 => 64,
    }
}

/// The low `bits` of a value as an unsigned number.
fn unsigned(bits: u32, value: u64) -> i128 {
    i128::from(value) % (1 << bits)
}

/// The low `bits` of a value as a signed number.
fn signed(bits: u32, value: u64) -> i128 {
    let value = unsigned(bits, value);
    if value >= 1 << (bits - 1) {
        value - (1 << bits)
    } else {
        value
    }
}

/// A number of any size reduced to `bits`.
fn reduced(bits: u32, value: i128) -> u64 {
    value.rem_euclid(1 << bits) as u64
}

/// Arithmetic on numbers without a size, by bits and by powers of two: no shift, no wrapping.
fn model(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    let bits = bits(width);
    let (ua, ub) = (unsigned(bits, a), unsigned(bits, b));
    let (sa, sb) = (signed(bits, a), signed(bits, b));
    let power = 1_i128 << (ub % i128::from(bits));
    let by_bit = |f: fn(bool, bool) -> bool| {
        (0..bits)
            .map(|i| i128::from(f(ua >> i & 1 != 0, ub >> i & 1 != 0)) << i)
            .sum()
    };
    let exact = match op {
        AluOp::Add => ua + ub,
        AluOp::Sub => ua - ub,
        // The product of two 64-bit numbers does not fit; that of the halves does.
        AluOp::Mul => {
            let half = 1 << 32;
            let low = (ua % half) * ub % (1 << bits);
            low + ((ua / half) * (ub % half) % half) * half
        }
        AluOp::Div => {
            if ub == 0 {
                0
            } else {
                ua / ub
            }
        }
        AluOp::SDiv => {
            if sb == 0 {
                0
            } else {
                sa / sb
            }
        }
        AluOp::Mod => {
            if ub == 0 {
                ua
            } else {
                ua % ub
            }
        }
        AluOp::SMod => {
            if sb == 0 {
                sa
            } else {
                sa % sb
            }
        }
        AluOp::Or => by_bit(|a, b| a || b),
        AluOp::And => by_bit(|a, b| a && b),
        AluOp::Xor => by_bit(|a, b| a != b),
        AluOp::Lsh => {
            return (0..power.trailing_zeros()).fold(ua, |a, _| a * 2 % (1 << bits)) as u64;
        }
        AluOp::Rsh => ua / power,
        AluOp::Arsh => sa.div_euclid(power),
        AluOp::Mov => ub,
    };
    reduced(bits, exact)
}

fn check_alu(a: u64, b: u64) {
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| AluOp::ALL.map(|op| (w, op)))
    {
        assert_eq!(
            alu(width, op, a, b),
            model(width, op, a, b),
            "{width:?} {op:?} {a:#x} {b:#x}"
        );
    }
}

fn check_compare(a: u64, b: u64) {
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| JumpOp::ALL.map(|op| (w, op)))
    {
        let bits = bits(width);
        let (ua, ub) = (unsigned(bits, a), unsigned(bits, b));
        let (sa, sb) = (signed(bits, a), signed(bits, b));
        let wanted = match op {
            JumpOp::Eq => ua == ub,
            JumpOp::Ne => ua != ub,
            JumpOp::Gt => ua > ub,
            JumpOp::Ge => ua >= ub,
            JumpOp::Lt => ua < ub,
            JumpOp::Le => ua <= ub,
            JumpOp::SGt => sa > sb,
            JumpOp::SGe => sa >= sb,
            JumpOp::SLt => sa < sb,
            JumpOp::SLe => sa <= sb,
            JumpOp::Set => (0..bits).any(|i| ua >> i & 1 == 1 && ub >> i & 1 == 1),
        };
        assert_eq!(
            compare(op, width, a, b),
            wanted,
            "{width:?} {op:?} {a:#x} {b:#x}"
        );
    }
}

fn check_unary(a: u64) {
    for width in Width::ALL {
        let bits = bits(width);
        assert_eq!(neg(width, a), reduced(bits, -unsigned(bits, a)));
        for from in Size::ALL {
            assert_eq!(movsx(width, from, a), reduced(bits, signed(from.bits(), a)));
        }
    }
    for size in Size::ALL {
        assert_eq!(
            extend(Extend::Zero, size, a),
            unsigned(size.bits(), a) as u64
        );
        assert_eq!(
            extend(Extend::Sign, size, a),
            reduced(64, signed(size.bits(), a))
        );
        let bytes = (0..size.bytes()).map(|i| u128::from(a.to_le_bytes()[i as usize]));
        let swapped = bytes.fold(0, |value, byte| value * 256 + byte) as u64;
        assert_eq!(
            endian(ByteOrder::Le, size, a),
            unsigned(size.bits(), a) as u64
        );
        assert_eq!(endian(ByteOrder::Be, size, a), swapped);
        assert_eq!(endian(ByteOrder::Swap, size, a), swapped);
    }
}

fn check_atomic(old: u64, src: u64, expected: u64) {
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| ATOMIC_OPS.map(|op| (w, op)))
    {
        let bits = bits(width);
        let wanted = match op {
            AtomicOp::Add(_) => model(width, AluOp::Add, old, src),
            AtomicOp::Or(_) => model(width, AluOp::Or, old, src),
            AtomicOp::And(_) => model(width, AluOp::And, old, src),
            AtomicOp::Xor(_) => model(width, AluOp::Xor, old, src),
            AtomicOp::Xchg => unsigned(bits, src) as u64,
            AtomicOp::Cmpxchg => {
                let equal = unsigned(bits, old) == unsigned(bits, expected);
                unsigned(bits, if equal { src } else { old }) as u64
            }
        };
        assert_eq!(
            atomic(op, width, old, src, expected),
            wanted,
            "{width:?} {op:?} {old:#x}"
        );
    }
}

#[test]
fn operations_on_edge_values_agree_with_the_model() {
    for a in EDGES {
        check_unary(a);
        for b in EDGES {
            check_alu(a, b);
            check_compare(a, b);
            check_atomic(a, b, a);
            check_atomic(a, b, a ^ 1 << 32);
            check_atomic(a, b, b);
        }
    }
}

#[test]
fn division_by_zero_and_overflow_have_the_values_of_the_standard() {
    let (min, minus_one) = (i64::MIN as u64, u64::MAX);
    assert_eq!(alu64(AluOp::Div, 7, 0), 0);
    assert_eq!(alu64(AluOp::Mod, 7, 0), 7);
    assert_eq!(alu64(AluOp::SDiv, min, minus_one), min);
    assert_eq!(alu64(AluOp::SMod, min, minus_one), 0);
    assert_eq!(
        alu(Width::W32, AluOp::SDiv, 0x8000_0000, minus_one),
        0x8000_0000
    );
    assert_eq!(alu(Width::W32, AluOp::Mod, 0xdead_0000_0007, 0), 7);
    assert_eq!(alu64(AluOp::SMod, (-13_i64) as u64, 3), (-1_i64) as u64);
    assert_eq!(alu64(AluOp::SDiv, (-13_i64) as u64, 3), (-4_i64) as u64);
}

#[test]
fn immediate_is_sign_extended() {
    assert_eq!(imm(-1), u64::MAX);
    assert_eq!(imm(i32::MAX), 0x7fff_ffff);
}

/// What rbpf's interpreter leaves in `r0` after `insn` on `r0 = a` and `r1 = b`.
fn rbpf(slot: crate::isa::RawInsn, a: u64, b: u64) -> u64 {
    let load = |reg, value: u64| {
        let mut first = [0x18, reg, 0, 0, 0, 0, 0, 0];
        let mut second = [0; 8];
        first[4..].copy_from_slice(&(value as u32).to_le_bytes());
        second[4..].copy_from_slice(&((value >> 32) as u32).to_le_bytes());
        [first, second].concat()
    };
    let exit = [0x95, 0, 0, 0, 0, 0, 0, 0];
    let program = [
        load(0, a),
        load(1, b),
        slot.to_le_bytes().to_vec(),
        exit.to_vec(),
    ]
    .concat();
    let vm = rbpf::EbpfVmNoData::new(Some(&program)).expect("valid program");
    vm.execute_program().expect("program ends")
}

fn check_rbpf(a: u64, b: u64) {
    use crate::isa::{Insn, Operand, Reg, encode};
    for (width, op) in Width::ALL
        .into_iter()
        .flat_map(|w| AluOp::ALL.map(|op| (w, op)))
    {
        // It has no signed division and leaves the upper half in a 32-bit remainder by zero.
        let upper_kept = (op, width, b as u32) == (AluOp::Mod, Width::W32, 0);
        if !upper_kept && !matches!(op, AluOp::SDiv | AluOp::SMod) {
            let insn = Insn::Alu {
                width,
                op,
                dst: Reg::R0,
                src: Operand::Reg(Reg::R1),
            };
            let wanted = rbpf(encode(insn, None), a, b);
            assert_eq!(
                alu(width, op, a, b),
                wanted,
                "{width:?} {op:?} {a:#x} {b:#x}"
            );
        }
    }
}

#[test]
fn operations_on_edge_values_agree_with_rbpf() {
    for (a, b) in EDGES.into_iter().flat_map(|a| EDGES.map(|b| (a, b))) {
        check_rbpf(a, b);
    }
}

proptest! {
    #[test]
    fn operations_on_random_values_agree_with_the_model(a: u64, b: u64, small in 0..70_u64) {
        check_unary(a);
        for b in [b, small, a] {
            check_alu(a, b);
            check_compare(a, b);
            check_atomic(a, b, small);
        }
    }

    #[test]
    fn operations_on_random_values_agree_with_rbpf(a: u64, b: u64, small in 0..70_u64) {
        check_rbpf(a, b);
        check_rbpf(a, small);
    }
}
