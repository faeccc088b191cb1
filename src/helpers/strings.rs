//! Parsing and comparing text.

use super::{Call, Entry, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(105, "bpf_strtol", strtol),
    Entry::new(106, "bpf_strtoul", strtoul),
    Entry::new(182, "bpf_strncmp", strncmp),
];

/// The part of the flags that is the base (`BPF_STRTOX_BASE_MASK`).
const BASE_MASK: u64 = 0x1f;

/// How many characters of a number are looked at.
const MAX_DIGITS: usize = 63;

/// `long bpf_strtol(const char *buf, unsigned long buf_len, u64 flags, long *res)`
fn strtol(call: &mut Call<'_>) -> Reply {
    parse(call, |parsed| {
        let value = if parsed.negative {
            -i128::from(parsed.value)
        } else {
            parsed.value.into()
        };
        i64::try_from(value)
            .map(|value| value as u64)
            .map_err(|_| Errno::ERANGE)
    })
}

/// `long bpf_strtoul(const char *buf, unsigned long buf_len, u64 flags, unsigned long *res)`
fn strtoul(call: &mut Call<'_>) -> Reply {
    parse(call, |parsed| {
        if parsed.negative {
            Err(Errno::EINVAL)
        } else {
            Ok(parsed.value)
        }
    })
}

fn parse(call: &mut Call<'_>, convert: fn(&Number) -> Result<u64, Errno>) -> Reply {
    let [buf, len, flags, result, _] = call.args;
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let text = if len == 0 {
        Vec::new()
    } else {
        call.memory().read_vec(Addr(buf), len)?
    };
    let parsed = number(&text, flags).and_then(|number| Ok((convert(&number)?, number.consumed)));
    let (value, reply) = match parsed {
        Ok((value, consumed)) => (value, consumed as u64),
        Err(errno) => (0, errno.as_return()),
    };
    call.memory().store(Addr(result), Size::DW, value)?;
    Ok(reply)
}

/// What was read of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    negative: bool,
    value: u64,
    consumed: usize,
}

fn number(text: &[u8], flags: u64) -> Result<Number, Errno> {
    if text.is_empty() || flags & !BASE_MASK != 0 {
        return Err(Errno::EINVAL);
    }
    let start = text
        .iter()
        .position(|byte| !is_space(*byte))
        .ok_or(Errno::EINVAL)?;
    let rest = text.get(start..).unwrap_or_default();
    let (negative, rest) = match rest.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, rest),
    };
    let rest = rest.get(..MAX_DIGITS).unwrap_or(rest);
    let (base, prefix) = radix(rest, flags)?;
    let digits = rest.get(prefix..).unwrap_or_default();
    let (value, count) = digits_of(digits, base)?;
    let consumed = start + usize::from(negative) + prefix + count;
    Ok(Number {
        negative,
        value,
        consumed,
    })
}

/// The base, and how many characters say so.
fn radix(text: &[u8], base: u64) -> Result<(u32, usize), Errno> {
    let hex = matches!(text, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit());
    match base {
        0 if hex => Ok((16, 2)),
        0 if text.first() == Some(&b'0') => Ok((8, 0)),
        0 | 10 => Ok((10, 0)),
        8 => Ok((8, 0)),
        16 if text.first() == Some(&b'0') && matches!(text.get(1), Some(b'x' | b'X')) => {
            Ok((16, 2))
        }
        16 => Ok((16, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// The number that leading digits are, and how many there are.
fn digits_of(text: &[u8], base: u32) -> Result<(u64, usize), Errno> {
    let digits = text
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(base));
    let (mut value, mut count) = (Some(0_u64), 0);
    for digit in digits {
        let shifted = value.and_then(|value| value.checked_mul(u64::from(base)));
        value = shifted.and_then(|value| value.checked_add(u64::from(digit)));
        count += 1;
    }
    match (value, count) {
        (_, 0) => Err(Errno::EINVAL),
        (Some(value), count) => Ok((value, count)),
        (None, _) => Err(Errno::ERANGE),
    }
}

/// As the kernel's `isspace`, which knows Latin-1 (lib/ctype.c, 6.12): its no-break space is one.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0)
}

/// `long bpf_strncmp(const char *s1, u32 s1_sz, const char *s2)`
fn strncmp(call: &mut Call<'_>) -> Reply {
    let [first, size, second, ..] = call.args;
    let memory = call.memory();
    for off in 0..i64::from(size as u32) {
        let a = memory.load(Addr(first).offset(off), Size::B)?;
        let b = memory.load(Addr(second).offset(off), Size::B)?;
        match a.cmp(&b) {
            std::cmp::Ordering::Less => return Ok(u64::MAX),
            std::cmp::Ordering::Greater => return Ok(1),
            std::cmp::Ordering::Equal if a == 0 => break,
            std::cmp::Ordering::Equal => {}
        }
    }
    Ok(0)
}
