//! A format string as text and conversions.

use crate::machine::Errno;

use super::Space;

/// The widest that anything is printed (`FIELD_WIDTH_MAX`).
const MAX_WIDTH: usize = (1 << 23) - 1;

/// A part of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A byte that stands for itself.
    Byte(u8),
    /// An argument.
    Argument(Conversion, Padding),
}

impl Piece {
    /// What is done with an argument, if one is taken.
    pub(super) fn conversion(self) -> Option<Conversion> {
        match self {
            Piece::Byte(_) => None,
            Piece::Argument(conversion, _) => Some(conversion),
        }
    }
}

/// What becomes of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// `%c`
    Character,
    /// `%s`
    String,
    /// `%pks` and `%pus`: the string is copied as the text that it is, without padding.
    Copied(Space),
    /// `%d`, `%ld` and their kin.
    Integer(Radix, Length),
    /// `%p`, `%px`, `%pK`
    Pointer(Shown),
    /// `%ps`, `%pS`, `%pB`
    Symbol,
    /// `%pi4`, `%pI4`; the letter.
    Ipv4(u8),
    /// `%pi6`, `%pI6`; the letter.
    Ipv6(u8),
}

/// How much of an address is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All: `x`.
    Plain,
    /// A number that stands for it: nothing behind the `p`, or `K` where `kernel.kptr_restrict` is 0.
    Hashed,
}

/// How an integer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Radix {
    /// `d`, `i`
    Signed,
    /// `u`
    Unsigned,
    /// `x`
    Lower,
    /// `X`
    Upper,
}

/// How much of its argument an integer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// 32 bits.
    Int,
    /// 64 bits, after `l` or `ll`.
    Long,
}

/// How a conversion is padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Padding {
    pub(super) width: usize,
    pub(super) zero: bool,
    pub(super) left: bool,
    pub(super) plus: bool,
    pub(super) space: bool,
}

/// The parts of a format, or what is wrong with it.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece, Errno>;

    fn next(&mut self) -> Option<Result<Piece, Errno>> {
        match self.take()? {
            b'%' if self.eat(b'%') => Some(Ok(Piece::Byte(b'%'))),
            b'%' => Some(self.argument()),
            byte if byte.is_ascii_control() && !is_space(byte) => Some(Err(Errno::EINVAL)),
            byte => Some(Ok(Piece::Byte(byte))),
        }
    }
}

impl<'a> Pieces<'a> {
    /// Those of a format without its zero.
    pub(super) fn of(format: &'a [u8]) -> Pieces<'a> {
        Pieces { rest: format }
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == wanted && !self.rest.is_empty();
        if found {
            self.take();
        }
        found
    }

    /// What follows a percent sign.
    fn argument(&mut self) -> Result<Piece, Errno> {
        let padding = self.padding();
        let conversion = match self.take().ok_or(Errno::EINVAL)? {
            b'p' => self.pointer()?,
            b's' => self.at_end(Conversion::String)?,
            b'c' => Conversion::Character,
            b'l' => {
                self.eat(b'l');
                let radix = self.take().and_then(radix).ok_or(Errno::EINVAL)?;
                Conversion::Integer(radix, Length::Long)
            }
            other => Conversion::Integer(radix(other).ok_or(Errno::EINVAL)?, Length::Int),
        };
        Ok(Piece::Argument(conversion, padding))
    }

    fn padding(&mut self) -> Padding {
        let mut padding = Padding::default();
        loop {
            match self.peek() {
                b'0' => padding.zero = true,
                b'+' => padding.plus = true,
                b'-' => padding.left = true,
                b' ' => padding.space = true,
                _ => break,
            }
            self.take();
        }
        while self.peek().is_ascii_digit() {
            let digit = usize::from(self.peek() - b'0');
            padding.width = (padding.width * 10 + digit).min(MAX_WIDTH);
            self.take();
        }
        padding
    }

    fn pointer(&mut self) -> Result<Conversion, Errno> {
        if self.ends() {
            return Ok(Conversion::Pointer(Shown::Hashed));
        }
        let conversion = match (self.peek(), self.rest.get(1)) {
            (b'k', Some(b's')) => return self.copied(Space::Kernel),
            (b'u', Some(b's')) => return self.copied(Space::User),
            (b'K', _) => Conversion::Pointer(Shown::Hashed),
            (b'x', _) => Conversion::Pointer(Shown::Plain),
            (b's' | b'S' | b'B', _) => Conversion::Symbol,
            (kind @ (b'i' | b'I'), Some(b'4')) => Conversion::Ipv4(kind),
            (kind @ (b'i' | b'I'), Some(b'6')) => Conversion::Ipv6(kind),
            _ => return Err(Errno::EINVAL),
        };
        // The kernel's printf takes every letter and digit after a `p` for a part of it.
        while is_alphanumeric(self.peek()) {
            self.take();
        }
        Ok(conversion)
    }

    fn copied(&mut self, space: Space) -> Result<Conversion, Errno> {
        self.take();
        self.take();
        self.at_end(Conversion::Copied(space))
    }

    fn at_end(&self, conversion: Conversion) -> Result<Conversion, Errno> {
        self.ends().then_some(conversion).ok_or(Errno::EINVAL)
    }

    /// Whether a conversion may end here: at the end of the text, a space or punctuation.
    fn ends(&self) -> bool {
        let byte = self.peek();
        self.rest.is_empty() || is_space(byte) || is_punctuation(byte)
    }
}

fn radix(conversion: u8) -> Option<Radix> {
    match conversion {
        b'd' | b'i' => Some(Radix::Signed),
        b'u' => Some(Radix::Unsigned),
        b'x' => Some(Radix::Lower),
        b'X' => Some(Radix::Upper),
        _ => None,
    }
}

/// `isspace`: what `is_ascii_whitespace` takes, the vertical tab, and the no-break space.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0)
}

/// `ispunct`: signs of ASCII and Latin-1.
fn is_punctuation(byte: u8) -> bool {
    byte.is_ascii_punctuation() || matches!(byte, 0xa1..=0xbf | 0xd7 | 0xf7)
}

/// `isalnum`: letters and digits of ASCII and Latin-1.
fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || (byte >= 0xc0 && !is_punctuation(byte))
}
