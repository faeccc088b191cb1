//! RFC 9669 in 128-bit integers: slow, plain, and sharing nothing with `isa::alu`.

use crate::isa::{AluOp, AtomicOp, ByteOrder, Fetch, JumpOp, Size, Width};

fn bits(width: Width) -> u32 {
    match width {
        Width::W32 => 32,
        Width::W64 => 64,
    }
}

/// The low bits of a number, as unsigned.
fn unsigned(value: i128, bits: u32) -> i128 {
    value.rem_euclid(1 << bits)
}

/// The low bits of a number, as signed.
fn signed(value: i128, bits: u32) -> i128 {
    let value = unsigned(value, bits);
    if value >= 1 << (bits - 1) {
        value - (1 << bits)
    } else {
        value
    }
}

pub(super) fn alu(op: AluOp, width: Width, a: u64, b: u64) -> u64 {
    let bits = bits(width);
    let (ua, ub) = (unsigned(a.into(), bits), unsigned(b.into(), bits));
    let (sa, sb) = (signed(a.into(), bits), signed(b.into(), bits));
    let shift = 1_i128 << (ub % i128::from(bits));
    let result = match op {
        AluOp::Add => ua + ub,
        AluOp::Sub => ua - ub,
        AluOp::Mul => unsigned((ua >> 32) * ub, 64) * (1 << 32) + (ua & 0xffff_ffff) * ub,
        AluOp::Div if ub == 0 => 0,
        AluOp::Div => ua / ub,
        AluOp::SDiv if ub == 0 => 0,
        AluOp::SDiv => sa / sb,
        AluOp::Mod if ub == 0 => ua,
        AluOp::Mod => ua % ub,
        AluOp::SMod if ub == 0 => ua,
        AluOp::SMod => sa % sb,
        AluOp::Or => ua + ub - common(ua, ub),
        AluOp::And => common(ua, ub),
        AluOp::Xor => ua + ub - 2 * common(ua, ub),
        AluOp::Lsh => (0..ub % i128::from(bits)).fold(ua, |value, _| unsigned(value * 2, bits)),
        AluOp::Rsh => ua / shift,
        AluOp::Arsh => sa.div_euclid(shift),
        AluOp::Mov => ub,
    };
    unsigned(result, bits) as u64
}

/// The bits that both have, one by one.
fn common(a: i128, b: i128) -> i128 {
    (0..64)
        .map(|bit| 1_i128 << bit)
        .filter(|bit| a / bit % 2 == 1 && b / bit % 2 == 1)
        .sum()
}

pub(super) fn neg(width: Width, a: u64) -> u64 {
    unsigned(-i128::from(a), bits(width)) as u64
}

pub(super) fn movsx(width: Width, from: Size, a: u64) -> u64 {
    unsigned(signed(a.into(), from.bits()), bits(width)) as u64
}

pub(super) fn endian(order: ByteOrder, size: Size, a: u64) -> u64 {
    let count = size.bytes() as usize;
    let mut bytes = a.to_le_bytes()[..count].to_vec();
    if order != ByteOrder::Le {
        bytes.reverse();
    }
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

pub(super) fn compare(op: JumpOp, width: Width, a: u64, b: u64) -> bool {
    let bits = bits(width);
    let (ua, ub) = (unsigned(a.into(), bits), unsigned(b.into(), bits));
    let (sa, sb) = (signed(a.into(), bits), signed(b.into(), bits));
    match op {
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
        JumpOp::Set => common(ua, ub) != 0,
    }
}

/// What an atomic operation leaves.
pub(super) struct After {
    pub(super) memory: u64,
    pub(super) src: u64,
    pub(super) r0: u64,
}

/// An atomic operation on the low bytes of 8 in memory.
pub(super) fn atomic(op: AtomicOp, width: Width, memory: u64, src: u64, r0: u64) -> After {
    let low = |value: u64| unsigned(value.into(), bits(width)) as u64;
    let old = low(memory);
    let alu = |op| alu(op, width, memory, src);
    let (new, fetch) = match op {
        AtomicOp::Add(fetch) => (alu(AluOp::Add), fetch),
        AtomicOp::Or(fetch) => (alu(AluOp::Or), fetch),
        AtomicOp::And(fetch) => (alu(AluOp::And), fetch),
        AtomicOp::Xor(fetch) => (alu(AluOp::Xor), fetch),
        AtomicOp::Xchg => (low(src), Fetch::Yes),
        AtomicOp::Cmpxchg if old == low(r0) => (low(src), Fetch::No),
        AtomicOp::Cmpxchg => (old, Fetch::No),
    };
    After {
        memory: memory - old + new,
        src: if fetch == Fetch::Yes { old } else { src },
        r0: if op == AtomicOp::Cmpxchg { old } else { r0 },
    }
}
