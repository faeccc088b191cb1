//! The format of `bpf_snprintf`, which is read when the program is judged.
//!
//! It prints nothing, and shares no code with what does: `bpf_trace_printk` and its kin look at
//! theirs only when they run.
//!
//! Rules:
//! - Text holds no control characters but white space, and any byte beyond ASCII; `%%` is a percent
//!   sign.
//! - Anything else after `%` takes an argument, and there must be one: flags of `0+- `, a width, then
//!   `c`, `s`, `d i u x X` after up to two `l`, or `p`.
//! - `%s`, `%pks`, `%pus` and a `%p` alone end where the text ends, or before a space or punctuation,
//!   of Latin-1.
//! - `%pK %px %ps %pS %pB` and `%pi4 %pI4 %pi6 %pI6` end where they end.
//!
//! Kernel: `check_bpf_snprintf_call` in kernel/bpf/verifier.c, `bpf_bprintf_prepare` in
//! kernel/bpf/helpers.c, 6.12.

use std::iter::Peekable;
use std::slice::Iter;

use crate::isa::Reg;
use crate::object::Initial;

use super::explore::Verifier;
use super::fail::{Check, Fail};
use super::state::Kind;

/// `bpf_snprintf`.
const SNPRINTF: u32 = 165;
/// Bytes of one argument.
const ARGUMENT: u64 = 8;

impl Verifier<'_> {
    /// A format and as many arguments as it asks for, if this is a call that takes them.
    pub(super) fn check_format(&self, number: u32) -> Check {
        if number != SNPRINTF {
            return Ok(());
        }
        // The kernel takes of a size that is not constant the bits that are.
        let len = self.cur.reg(Reg::R5).value.tnum.value;
        if !len.is_multiple_of(ARGUMENT) {
            return Err(Fail::invalid(format!(
                "bpf_snprintf takes 8 bytes an argument, not {len} bytes"
            )));
        }
        match self.constant_text(Reg::R3) {
            Some(text) if is_valid(text, len / ARGUMENT) => Ok(()),
            _ => Err(Fail::invalid("Invalid format string")),
        }
    }

    /// What a register that was found to be a constant string points to, without its zero.
    fn constant_text(&self, reg: Reg) -> Option<&[u8]> {
        let register = self.cur.reg(reg);
        let Kind::MapValue(map) = register.kind else {
            return None;
        };
        let Initial::Data(data) = &self.map_spec(map).initial else {
            return None;
        };
        let var = register.value.const_value()?.cast_signed();
        let start = usize::try_from(i64::from(register.off).checked_add(var)?).ok()?;
        data.get(start..)?.split(|byte| *byte == 0).next()
    }
}

/// Whether the kernel takes `format` with so many arguments.
fn is_valid(format: &[u8], arguments: u64) -> bool {
    let mut rest = format.iter().peekable();
    let mut left = arguments;
    while let Some(byte) = rest.next() {
        let printable = !byte.is_ascii_control() || is_space(*byte);
        let is_percent = *byte == b'%' && rest.next_if_eq(&&b'%').is_none();
        if !printable || (is_percent && (left == 0 || !ends_well(&mut rest))) {
            return false;
        }
        left = left.saturating_sub(u64::from(is_percent));
    }
    true
}

/// Takes a conversion, from after its percent sign.
fn ends_well(rest: &mut Peekable<Iter<'_, u8>>) -> bool {
    while rest.next_if(|byte| b"0+- ".contains(byte)).is_some() {}
    while rest.next_if(|byte| byte.is_ascii_digit()).is_some() {}
    match rest.next() {
        Some(b'c') => true,
        Some(b's') => is_end(rest),
        Some(b'p') => pointer_ends_well(rest),
        Some(b'l') => {
            rest.next_if_eq(&&b'l');
            rest.next().is_some_and(is_integer)
        }
        other => other.is_some_and(is_integer),
    }
}

/// Takes what follows `%p`.
fn pointer_ends_well(rest: &mut Peekable<Iter<'_, u8>>) -> bool {
    if is_end(rest) {
        return true;
    }
    match rest.next() {
        Some(b'K' | b'x' | b's' | b'S' | b'B') => true,
        Some(b'k' | b'u') => rest.next() == Some(&b's') && is_end(rest),
        Some(b'i' | b'I') => matches!(rest.next(), Some(b'4' | b'6')),
        _ => false,
    }
}

fn is_integer(conversion: &u8) -> bool {
    b"diuxX".contains(conversion)
}

/// Whether a conversion may end here.
fn is_end(rest: &mut Peekable<Iter<'_, u8>>) -> bool {
    rest.peek()
        .is_none_or(|byte| is_space(**byte) || is_punctuation(**byte))
}

/// The kernel's `isspace`: what `is_ascii_whitespace` takes, the vertical tab, and the no-break space.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0)
}

/// The kernel's `ispunct`: signs of ASCII and of Latin-1.
fn is_punctuation(byte: u8) -> bool {
    byte.is_ascii_punctuation() || matches!(byte, 0xa1..=0xbf | 0xd7 | 0xf7)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Env, Errno, verify};
    use crate::object::{Initial, Origin, Program};

    /// How a program is refused whose call takes `len` bytes of arguments.
    fn refused(format: &[u8], len: u32) -> Option<(Errno, String)> {
        let text = format!(
            ".type xdp\n.license GPL\n.map texts array 4 64 1\n\
             *(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -16) = 0\nr1 = 0\nr2 = 0\n\
             r3 = map[texts][0]+0\nr4 = r10\nr4 += -16\nr5 = {len}\n\
             call bpf_snprintf\nr0 = 2\nexit\n"
        );
        let mut program = Program::from_assembly("format.s", &text).expect("the text assembles");
        let mut texts = program.maps[0].clone();
        let mut data = format.to_vec();
        data.resize(64, 0);
        texts.initial = Initial::Data(data);
        texts.origin = Origin::ReadOnlyData;
        program.maps = vec![texts].into();
        let verdict = verify(&Arc::new(program), &Env::default());
        verdict.err().map(|why| (why.errno, why.message))
    }

    #[test]
    fn arguments_of_other_than_eight_bytes_are_refused_before_the_format() {
        for format in [b"%d", b"%q"] {
            let (errno, message) = refused(format, 12).expect("12 bytes are no arguments");
            assert_eq!(errno, Errno::Invalid);
            assert_eq!(
                message,
                "bpf_snprintf takes 8 bytes an argument, not 12 bytes"
            );
        }
    }

    #[test]
    fn conversions_are_counted_against_arguments() {
        assert_eq!(refused(b"%d%%%d", 16), None);
        let (errno, message) = refused(b"%d%%%d", 8).expect("one argument is missing");
        assert_eq!(
            (errno, message.as_str()),
            (Errno::Invalid, "Invalid format string")
        );
    }
}
