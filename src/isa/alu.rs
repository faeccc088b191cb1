//! What arithmetic, comparisons and atomic operations compute: pure functions of their operands.
//!
//! It is not an engine: it reads no register and no memory, and never fails. The engines and the
//! verifier's constant folding call it, so that there is one answer.
//!
//! Rules (RFC 9669 sections 4 and 5):
//! - Addition, subtraction and multiplication wrap; shift counts are taken modulo the width.
//! - Division by zero gives 0, a remainder by zero the dividend; `MIN / -1` is `MIN` and
//!   `MIN % -1` is 0.
//! - A 32-bit operation reads the low halves and clears the upper half of its result.
//! - The machine is little-endian.

use super::{AluOp, AtomicOp, ByteOrder, Extend, Fetch, JumpOp, Size, Width};

/// `a op b` in `width`; a 32-bit result has a zero upper half.
#[inline]
pub fn alu(width: Width, op: AluOp, a: u64, b: u64) -> u64 {
    match width {
        Width::W32 => u64::from(alu32(op, a as u32, b as u32)),
        Width::W64 => alu64(op, a, b),
    }
}

/// `a op b` in 64 bits.
#[inline]
pub fn alu64(op: AluOp, a: u64, b: u64) -> u64 {
    match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::SDiv if b == 0 => 0,
        AluOp::SDiv => (a as i64).wrapping_div(b as i64) as u64,
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Lsh => a.wrapping_shl(b as u32),
        AluOp::Rsh => a.wrapping_shr(b as u32),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::SMod if b == 0 => a,
        AluOp::SMod => (a as i64).wrapping_rem(b as i64) as u64,
        AluOp::Xor => a ^ b,
        AluOp::Mov => b,
        AluOp::Arsh => (a as i64).wrapping_shr(b as u32) as u64,
    }
}

/// `a op b` in 32 bits.
#[inline]
pub fn alu32(op: AluOp, a: u32, b: u32) -> u32 {
    match op {
        AluOp::Add => a.wrapping_add(b),
        AluOp::Sub => a.wrapping_sub(b),
        AluOp::Mul => a.wrapping_mul(b),
        AluOp::Div => a.checked_div(b).unwrap_or(0),
        AluOp::SDiv if b == 0 => 0,
        AluOp::SDiv => (a as i32).wrapping_div(b as i32) as u32,
        AluOp::Or => a | b,
        AluOp::And => a & b,
        AluOp::Lsh => a.wrapping_shl(b),
        AluOp::Rsh => a.wrapping_shr(b),
        AluOp::Mod => a.checked_rem(b).unwrap_or(a),
        AluOp::SMod if b == 0 => a,
        AluOp::SMod => (a as i32).wrapping_rem(b as i32) as u32,
        AluOp::Xor => a ^ b,
        AluOp::Mov => b,
        AluOp::Arsh => (a as i32).wrapping_shr(b) as u32,
    }
}

/// The value of an immediate operand: sign-extended, the engines then take the width they need.
#[inline]
pub fn imm(value: i32) -> u64 {
    i64::from(value) as u64
}

/// `-a` in `width`.
#[inline]
pub fn neg(width: Width, a: u64) -> u64 {
    match width {
        Width::W32 => u64::from((a as u32).wrapping_neg()),
        Width::W64 => a.wrapping_neg(),
    }
}

/// The low `from` bits of `a`, sign-extended to `width`.
#[inline]
pub fn movsx(width: Width, from: Size, a: u64) -> u64 {
    let value = extend(Extend::Sign, from, a);
    match width {
        Width::W32 => u64::from(value as u32),
        Width::W64 => value,
    }
}

/// The low `size` bits of `a`, extended to 64.
#[inline]
pub fn extend(extend: Extend, size: Size, a: u64) -> u64 {
    match (extend, size) {
        (Extend::Zero, Size::B) => u64::from(a as u8),
        (Extend::Zero, Size::H) => u64::from(a as u16),
        (Extend::Zero, Size::W) => u64::from(a as u32),
        (Extend::Sign, Size::B) => i64::from(a as i8) as u64,
        (Extend::Sign, Size::H) => i64::from(a as i16) as u64,
        (Extend::Sign, Size::W) => i64::from(a as i32) as u64,
        (Extend::Zero | Extend::Sign, Size::DW) => a,
    }
}

/// The low `size` bits of `a` in another byte order; the bits above are zero.
#[inline]
pub fn endian(order: ByteOrder, size: Size, a: u64) -> u64 {
    match (order, size) {
        (ByteOrder::Le, _) | (ByteOrder::Be | ByteOrder::Swap, Size::B) => {
            extend(Extend::Zero, size, a)
        }
        (ByteOrder::Be | ByteOrder::Swap, Size::H) => u64::from((a as u16).swap_bytes()),
        (ByteOrder::Be | ByteOrder::Swap, Size::W) => u64::from((a as u32).swap_bytes()),
        (ByteOrder::Be | ByteOrder::Swap, Size::DW) => a.swap_bytes(),
    }
}

/// Whether `a op b` holds in `width`.
#[inline]
pub fn compare(op: JumpOp, width: Width, a: u64, b: u64) -> bool {
    let (a, b) = match width {
        Width::W32 => (
            extend(Extend::Sign, Size::W, a),
            extend(Extend::Sign, Size::W, b),
        ),
        Width::W64 => (a, b),
    };
    // Sign extension of both keeps the order of 32-bit numbers, signed and unsigned.
    match op {
        JumpOp::Eq => a == b,
        JumpOp::Gt => a > b,
        JumpOp::Ge => a >= b,
        JumpOp::Set => a & b != 0,
        JumpOp::Ne => a != b,
        JumpOp::SGt => (a as i64) > (b as i64),
        JumpOp::SGe => (a as i64) >= (b as i64),
        JumpOp::Lt => a < b,
        JumpOp::Le => a <= b,
        JumpOp::SLt => (a as i64) < (b as i64),
        JumpOp::SLe => (a as i64) <= (b as i64),
    }
}

/// What memory that holds `old` holds after an atomic operation in `width`.
///
/// `src` is the operand, `expected` the value of `r0`, which only [`AtomicOp::Cmpxchg`] reads. All
/// are truncated to `width`.
#[inline]
pub fn atomic(op: AtomicOp, width: Width, old: u64, src: u64, expected: u64) -> u64 {
    let low = |value| match width {
        Width::W32 => extend(Extend::Zero, Size::W, value),
        Width::W64 => value,
    };
    match op {
        AtomicOp::Add(Fetch::No | Fetch::Yes) => low(old.wrapping_add(src)),
        AtomicOp::Or(Fetch::No | Fetch::Yes) => low(old | src),
        AtomicOp::And(Fetch::No | Fetch::Yes) => low(old & src),
        AtomicOp::Xor(Fetch::No | Fetch::Yes) => low(old ^ src),
        AtomicOp::Xchg => low(src),
        AtomicOp::Cmpxchg if low(old) == low(expected) => low(src),
        AtomicOp::Cmpxchg => low(old),
    }
}

#[cfg(test)]
mod tests;
