//! Printing what was copied.
//!
//! Rules (as Linux 6.18 answers):
//! - Of an address 32 bits are shown that stand for it, but where a format asks for all with `%px` (`ptr_to_id` in
//!   lib/vsprintf.c); `%pK` is `%p`, as with `kernel.kptr_restrict` 0.
//! - No more is kept than the buffer holds with a zero, but everything is counted.
//! - Texts that were copied (addresses, `%pks`, `%pus`) are neither padded nor printed beyond the end of
//!   the buffer. There they are not even passed over: what is printed next is taken from where they lie.

use super::Source;
use super::pack::{Packed, aligned};
use super::parse::{Conversion, Length, Padding, Piece, Radix, Shown};

/// Digits of an address.
const POINTER_DIGITS: usize = 16;

/// What a format made.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::helpers) struct Text {
    /// Its beginning: as much as was to be kept, without a zero.
    pub(in crate::helpers) bytes: Vec<u8>,
    /// How long it would be, without a zero.
    pub(in crate::helpers) length: usize,
    /// Bytes of the buffer that it is for.
    size: usize,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.get(..self.left()).unwrap_or(bytes);
        self.bytes.extend_from_slice(kept);
        self.length += bytes.len();
    }

    fn fill(&mut self, byte: u8, count: usize) {
        let kept = count.min(self.left());
        self.bytes.extend(std::iter::repeat_n(byte, kept));
        self.length += count;
    }

    /// Bytes that are still kept, with room for a zero.
    fn left(&self) -> usize {
        self.size.saturating_sub(self.bytes.len() + 1)
    }
}

struct Printer<'a> {
    packed: &'a Packed,
    at: usize,
    source: &'a dyn Source,
    out: Text,
}

/// The text of all pieces, for a buffer of `size` bytes.
pub(super) fn print(pieces: &[Piece], packed: &Packed, source: &dyn Source, size: usize) -> Text {
    let out = Text {
        bytes: Vec::new(),
        length: 0,
        size,
    };
    let mut printer = Printer {
        packed,
        at: 0,
        source,
        out,
    };
    for piece in pieces {
        match piece {
            Piece::Byte(byte) => printer.out.push(&[*byte]),
            Piece::Argument(conversion, padding) => printer.argument(*conversion, *padding),
        }
    }
    printer.out
}

impl<'a> Printer<'a> {
    fn argument(&mut self, conversion: Conversion, padding: Padding) {
        match conversion {
            Conversion::Character => {
                let byte = self.packed.from(self.at).first().copied();
                self.at += 1;
                self.pad(&[byte.unwrap_or(0)], padding);
            }
            Conversion::String => {
                let text = self.string();
                self.at += text.len() + 1;
                self.pad(text, padding);
            }
            Conversion::Copied(_) | Conversion::Ipv4(_) | Conversion::Ipv6(_) => {
                if self.out.length < self.out.size {
                    let text = self.string();
                    self.at += text.len() + 1;
                    self.out.push(text);
                }
            }
            Conversion::Integer(radix, length) => self.integer(radix, length, padding),
            Conversion::Pointer(shown) => {
                let value = self.number::<8>();
                let value = match shown {
                    Shown::Hashed if !is_no_address(value) => self.source.hash(value).into(),
                    Shown::Hashed | Shown::Plain => value,
                };
                self.digits("", &format!("{value:x}"), pointer_padding(padding));
            }
            Conversion::Symbol => {
                let value = self.number::<8>();
                let symbol = self.source.symbol(value);
                let symbol = symbol.unwrap_or_else(|| format!("{value:#x}"));
                self.pad(symbol.as_bytes(), padding);
            }
        }
    }

    /// The copied text that comes next.
    fn string(&self) -> &'a [u8] {
        let rest = self.packed.from(self.at);
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// The copied number of so many bytes that comes next.
    fn number<const N: usize>(&mut self) -> u64 {
        let at = aligned(self.at);
        self.at = at + N;
        let bytes = self.packed.from(at).iter().take(N);
        bytes
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn integer(&mut self, radix: Radix, length: Length, padding: Padding) {
        let (unsigned, signed) = match length {
            Length::Int => {
                let value = self.number::<4>();
                (value, i64::from(value as u32 as i32))
            }
            Length::Long => {
                let value = self.number::<8>();
                (value, value as i64)
            }
        };
        let (sign, digits) = match radix {
            Radix::Signed => (sign_of(signed, padding), signed.unsigned_abs().to_string()),
            Radix::Unsigned => ("", unsigned.to_string()),
            Radix::Lower => ("", format!("{unsigned:x}")),
            Radix::Upper => ("", format!("{unsigned:X}")),
        };
        self.digits(sign, &digits, padding);
    }

    /// A number: blanks go before its sign, zeros behind.
    fn digits(&mut self, sign: &str, digits: &str, padding: Padding) {
        if padding.zero && !padding.left {
            let written = sign.len() + digits.len();
            self.out.push(sign.as_bytes());
            self.out.fill(b'0', padding.width.saturating_sub(written));
            self.out.push(digits.as_bytes());
        } else {
            self.pad(format!("{sign}{digits}").as_bytes(), padding);
        }
    }

    fn pad(&mut self, text: &[u8], padding: Padding) {
        let blanks = padding.width.saturating_sub(text.len());
        if padding.left {
            self.out.push(text);
            self.out.fill(b' ', blanks);
        } else {
            self.out.fill(b' ', blanks);
            self.out.push(text);
        }
    }
}

/// Whether a pointer is null or an error number, which hide nothing.
fn is_no_address(value: u64) -> bool {
    /// `MAX_ERRNO`.
    const MAX_ERROR: i64 = 4095;
    (-MAX_ERROR..=0).contains(&value.cast_signed())
}

/// How an address is padded: to all its digits where no width is given, with zeros.
fn pointer_padding(padding: Padding) -> Padding {
    match padding.width {
        0 => Padding {
            width: POINTER_DIGITS,
            zero: true,
            ..padding
        },
        _ => padding,
    }
}

fn sign_of(value: i64, padding: Padding) -> &'static str {
    match value {
        ..0 => "-",
        _ if padding.plus => "+",
        _ if padding.space => " ",
        _ => "",
    }
}
