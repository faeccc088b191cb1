//! Format strings of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and their kin.
//!
//! It is no printf: it knows the conversions that Linux 6.12 grants programs and refuses the others
//! with `EINVAL`, as `bpf_bprintf_prepare` (`kernel/trace`, `kernel/bpf/helpers.c`) does.
//!
//! Rules:
//! - `%[0+- ][width]` before `d i u x X` (with `l` or `ll`), `c`, `s` and `p`.
//! - `%p` alone or before punctuation prints 16 hexadecimal digits, `%px` and `%pK` too (no hashing:
//!   addresses of guest memory are no secret); `%ps %pS %pB` the symbol, or the address in hexadecimal.
//! - `%pks`, `%pus` and `%s` read a string where the argument points, `%pi4 %pI4 %pi6 %pI6` an
//!   address. What cannot be read prints as nothing, or as zeros.
//! - Format strings are printable ASCII with a terminating zero.

use crate::machine::Errno;

/// Longest text that one call prints, its terminating zero included (`MAX_BPRINTF_BUF`).
pub(super) const MAX_TEXT: usize = 1024;

/// Where conversions that follow pointers read.
pub(super) trait Source {
    /// The string at `addr`, without its zero; nothing if it cannot be read.
    fn string(&self, addr: u64, space: Space) -> Option<Vec<u8>>;
    /// Bytes at `addr`, if they can be read.
    fn bytes(&self, addr: u64, buf: &mut [u8]) -> Option<()>;
    /// The name of what lies at `addr`, with the distance from its start.
    fn symbol(&self, addr: u64) -> Option<String>;
}

/// Whose memory a string is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// The address says whose.
    Either,
    /// The kernel's.
    Kernel,
    /// User space's.
    User,
}

/// Formats `args` by `format`, whose text ends at the first zero.
pub(super) fn format(format: &[u8], args: &[u64], source: &dyn Source) -> Result<Vec<u8>, Errno> {
    let end = format
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(Errno::EINVAL)?;
    let text = format.get(..end).unwrap_or_default();
    let mut formatter = Formatter {
        rest: text,
        args: args.iter(),
        source,
        out: Vec::new(),
    };
    while let Some(byte) = formatter.next() {
        if !(byte.is_ascii_graphic() || is_space(byte)) {
            return Err(Errno::EINVAL);
        }
        match byte {
            b'%' => formatter.conversion()?,
            other => formatter.out.push(other),
        }
    }
    Ok(formatter.out)
}

/// How a conversion is padded.
#[derive(Clone, Copy, Debug, Default)]
struct Padding {
    width: usize,
    zero: bool,
    left: bool,
    plus: bool,
    space: bool,
}

struct Formatter<'a> {
    rest: &'a [u8],
    args: std::slice::Iter<'a, u64>,
    source: &'a dyn Source,
    out: Vec<u8>,
}

impl Formatter<'_> {
    fn next(&mut self) -> Option<u8> {
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
            self.next();
        }
        found
    }

    fn argument(&mut self) -> Result<u64, Errno> {
        self.args.next().copied().ok_or(Errno::EINVAL)
    }

    /// What follows a percent sign.
    fn conversion(&mut self) -> Result<(), Errno> {
        if self.eat(b'%') {
            self.out.push(b'%');
            return Ok(());
        }
        let arg = self.argument()?;
        let padding = self.padding();
        match self.next() {
            Some(b'p') => self.pointer(arg, padding),
            Some(b's') => self.string(arg, Space::Either, padding),
            Some(b'c') => {
                self.pad(&[arg as u8], padding);
                Ok(())
            }
            Some(first) => self.integer(first, arg, padding),
            None => Err(Errno::EINVAL),
        }
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
            self.next();
        }
        while self.peek().is_ascii_digit() {
            let digit = usize::from(self.peek() - b'0');
            padding.width = (padding.width * 10 + digit).min(MAX_TEXT);
            self.next();
        }
        padding
    }

    fn integer(&mut self, first: u8, arg: u64, padding: Padding) -> Result<(), Errno> {
        let mut conversion = first;
        let mut long = false;
        for _ in 0..2 {
            if conversion == b'l' {
                long = true;
                conversion = self.next().ok_or(Errno::EINVAL)?;
            }
        }
        let unsigned = if long { arg } else { u64::from(arg as u32) };
        let signed = if long {
            arg as i64
        } else {
            i64::from(arg as i32)
        };
        let (sign, digits) = match conversion {
            b'd' | b'i' => (sign_of(signed, padding), signed.unsigned_abs().to_string()),
            b'u' => ("", unsigned.to_string()),
            b'x' => ("", format!("{unsigned:x}")),
            b'X' => ("", format!("{unsigned:X}")),
            _ => return Err(Errno::EINVAL),
        };
        self.number(sign, &digits, padding);
        Ok(())
    }

    fn number(&mut self, sign: &str, digits: &str, padding: Padding) {
        if padding.zero && !padding.left {
            let width = padding.width.saturating_sub(sign.len());
            self.out
                .extend_from_slice(format!("{sign}{digits:0>width$}").as_bytes());
        } else {
            self.pad(format!("{sign}{digits}").as_bytes(), padding);
        }
    }

    fn pad(&mut self, text: &[u8], padding: Padding) {
        let blanks = padding.width.saturating_sub(text.len());
        let blanks = std::iter::repeat_n(b' ', blanks);
        if padding.left {
            self.out.extend_from_slice(text);
            self.out.extend(blanks);
        } else {
            self.out.extend(blanks);
            self.out.extend_from_slice(text);
        }
    }

    fn string(&mut self, addr: u64, space: Space, padding: Padding) -> Result<(), Errno> {
        if !ends_conversion(self.peek(), self.rest) {
            return Err(Errno::EINVAL);
        }
        let text = self.source.string(addr, space).unwrap_or_default();
        self.pad(&text, padding);
        Ok(())
    }

    fn pointer(&mut self, arg: u64, padding: Padding) -> Result<(), Errno> {
        match (self.peek(), self.rest.get(1)) {
            (b'k', Some(b's')) => return self.pointed_string(arg, Space::Kernel, padding),
            (b'u', Some(b's')) => return self.pointed_string(arg, Space::User, padding),
            (byte, _) if ends_conversion(byte, self.rest) => {
                self.pad(format!("{arg:016x}").as_bytes(), padding);
                return Ok(());
            }
            (b'K' | b'x', _) => self.pad(format!("{arg:016x}").as_bytes(), padding),
            (b's' | b'S' | b'B', _) => {
                let symbol = self
                    .source
                    .symbol(arg)
                    .unwrap_or_else(|| format!("{arg:#x}"));
                self.pad(symbol.as_bytes(), padding);
            }
            (kind @ (b'i' | b'I'), Some(b'4')) => {
                let mut bytes = [0; 4];
                self.read(arg, &mut bytes);
                self.out.extend_from_slice(ipv4(kind, bytes).as_bytes());
            }
            (kind @ (b'i' | b'I'), Some(b'6')) => {
                let mut bytes = [0; 16];
                self.read(arg, &mut bytes);
                self.out.extend_from_slice(ipv6(kind, bytes).as_bytes());
            }
            _ => return Err(Errno::EINVAL),
        }
        // The kernel's printf takes every letter and digit after a `p` for a part of it.
        while self.peek().is_ascii_alphanumeric() {
            self.next();
        }
        Ok(())
    }

    fn pointed_string(&mut self, arg: u64, space: Space, padding: Padding) -> Result<(), Errno> {
        self.next();
        self.next();
        self.string(arg, space, padding)
    }

    fn read(&self, addr: u64, buf: &mut [u8]) {
        if self.source.bytes(addr, buf).is_none() {
            buf.fill(0);
        }
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

/// Whether a conversion may end before `byte`: at the end of the text, a space or punctuation.
fn ends_conversion(byte: u8, rest: &[u8]) -> bool {
    rest.is_empty() || is_space(byte) || byte.is_ascii_punctuation()
}

/// `isspace`: what `is_ascii_whitespace` takes, and the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn ipv4(kind: u8, [a, b, c, d]: [u8; 4]) -> String {
    match kind {
        b'I' => format!("{a}.{b}.{c}.{d}"),
        _ => format!("{a:03}.{b:03}.{c:03}.{d:03}"),
    }
}

fn ipv6(kind: u8, bytes: [u8; 16]) -> String {
    let groups = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| format!("{high:02x}{low:02x}"));
    let groups: Vec<String> = groups.collect();
    groups.join(if kind == b'I' { ":" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Source for Fake {
        fn string(&self, addr: u64, space: Space) -> Option<Vec<u8>> {
            match (addr, space) {
                (1, Space::Either | Space::Kernel) => Some(b"bash".to_vec()),
                (2, Space::Either | Space::User) => Some(b"/bin/ls".to_vec()),
                _ => None,
            }
        }

        fn bytes(&self, addr: u64, buf: &mut [u8]) -> Option<()> {
            for (byte, value) in buf.iter_mut().zip([10, 0, 0, 1, 0xfe, 0x80]) {
                *byte = value;
            }
            (addr == 1).then_some(())
        }

        fn symbol(&self, addr: u64) -> Option<String> {
            (addr == 0x1000).then(|| "do_execve+0x0".to_owned())
        }
    }

    fn text(fmt: &str, args: &[u64]) -> Result<String, Errno> {
        let bytes = [fmt.as_bytes(), &[0]].concat();
        format(&bytes, args, &Fake).map(|out| String::from_utf8(out).expect("ascii"))
    }

    fn ok(fmt: &str, args: &[u64]) -> String {
        text(fmt, args).expect("format is accepted")
    }

    #[test]
    fn integers_take_their_width_from_the_modifier() {
        let all = [u64::MAX; 3];
        assert_eq!(ok("%d %u %x", &all), "-1 4294967295 ffffffff");
        assert_eq!(
            ok("%ld %lu %lx", &all),
            "-1 18446744073709551615 ffffffffffffffff"
        );
        assert_eq!(
            ok("%lld %llu %llX", &all),
            "-1 18446744073709551615 FFFFFFFFFFFFFFFF"
        );
        assert_eq!(ok("%i%%", &[7]), "7%");
    }

    #[test]
    fn padding_follows_flags_and_width() {
        assert_eq!(
            ok("[%5d][%-5d][%05d][%+d][% d]", &[42, 42, u64::MAX, 1, 1]),
            "[   42][42   ][-0001][+1][ 1]"
        );
        assert_eq!(
            ok("[%08x][%6s][%-6s]", &[0xbeef, 1, 1]),
            "[0000beef][  bash][bash  ]"
        );
        assert_eq!(ok("%c%c", &[u64::from(b'o'), u64::from(b'k')]), "ok");
    }

    #[test]
    fn pointers_print_addresses_symbols_and_what_they_point_to() {
        assert_eq!(
            ok("%p %px, %pK.", &[0xab, 1, 2]),
            "00000000000000ab 0000000000000001, 0000000000000002."
        );
        assert_eq!(ok("%ps %pS", &[0x1000, 0x2000]), "do_execve+0x0 0x2000");
        assert_eq!(ok("%s %pks %pus", &[1, 1, 2]), "bash bash /bin/ls");
        assert_eq!(ok("%pI4 %pi4", &[1, 1]), "10.0.0.1 010.000.000.001");
        assert_eq!(ok("%pI6", &[1]), "0a00:0001:fe80:0000:0000:0000:0000:0000");
        assert_eq!(ok("%pi6", &[1]), "0a000001fe8000000000000000000000");
    }

    #[test]
    fn unreadable_pointers_print_as_nothing_or_zeros() {
        assert_eq!(ok("<%s> %pI4", &[9, 9]), "<> 0.0.0.0");
        assert_eq!(ok("<%pks>", &[2]), "<>");
    }

    #[test]
    fn bad_formats_are_refused() {
        let args = [1; 12];
        for bad in [
            "%", "%k", "%pk", "%pz", "%hd", "%ls", "%sx", "%llld", "%5", "%\u{1}", "\u{e9}", "%n",
            "%f", "%#x",
        ] {
            assert_eq!(text(bad, &args), Err(Errno::EINVAL), "{bad}");
        }
        assert_eq!(
            text("%d %d", &[1]),
            Err(Errno::EINVAL),
            "more conversions than arguments"
        );
        assert_eq!(format(b"unterminated", &[], &Fake), Err(Errno::EINVAL));
    }

    /// What Linux 6.18 returned from `bpf_trace_printk`; 1 stands for the address of a string, or
    /// of 10.0.0.1, in the kernel.
    #[test]
    fn lengths_and_refusals_are_the_kernels() {
        let rows: &[(&str, [u64; 3], i64)] = &[
            ("%d %u %x", [u64::MAX, 42, 0xbeef], 10),
            ("%ld|%lld|%lu", [u64::MAX, 42, 0xbeef], 11),
            ("[%+d][% d][%i]", [u64::MAX, 42, 0xbeef], 16),
            ("[%08x][%X][%lx]", [u64::MAX, 42, 0xbeef], 20),
            ("%p", [u64::MAX, 42, 0xbeef], 16),
            ("%px %pK", [u64::MAX, 42, 0xbeef], 33),
            ("%c%c%c", [u64::MAX, 42, 0xbeef], 3),
            ("%d%%", [u64::MAX, 42, 0xbeef], 3),
            ("%s", [u64::MAX, 42, 0xbeef], 0),
            ("%s", [1, 0, 0], 4),
            ("[%6s][%-9s]", [u64::MAX, 42, 0xbeef], 19),
            ("[%6s][%-9s]", [1, 0, 0], 19),
            ("%pks", [u64::MAX, 42, 0xbeef], 0),
            ("%pks", [1, 0, 0], 4),
            ("%pI4 %pi4", [u64::MAX, 42, 0xbeef], 23),
            ("%pI4 %pi4", [1, 1, 1], 24),
            ("%pI6", [u64::MAX, 42, 0xbeef], 39),
            ("%pI6", [1, 1, 1], 39),
            ("%pi6", [u64::MAX, 42, 0xbeef], 32),
            ("%pi6", [1, 1, 1], 32),
            ("%pI4h", [u64::MAX, 42, 0xbeef], 7),
            ("%pI4h", [1, 1, 1], 8),
            ("%pI6c", [u64::MAX, 42, 0xbeef], 39),
            ("%pI6c", [1, 1, 1], 39),
            ("%", [u64::MAX, 42, 0xbeef], -22),
            ("%k", [u64::MAX, 42, 0xbeef], -22),
            ("%pk", [u64::MAX, 42, 0xbeef], -22),
            ("%pz", [u64::MAX, 42, 0xbeef], -22),
            ("%hd", [u64::MAX, 42, 0xbeef], -22),
            ("%ls", [u64::MAX, 42, 0xbeef], -22),
            ("%ls", [1, 0, 0], -22),
            ("%sx", [u64::MAX, 42, 0xbeef], -22),
            ("%sx", [1, 0, 0], -22),
            ("%llld", [u64::MAX, 42, 0xbeef], -22),
            ("%5", [u64::MAX, 42, 0xbeef], -22),
            ("\u{1}", [u64::MAX, 42, 0xbeef], -22),
            ("%n", [u64::MAX, 42, 0xbeef], -22),
            ("%f", [u64::MAX, 42, 0xbeef], -22),
            ("%#x", [u64::MAX, 42, 0xbeef], -22),
            ("%d %d %d %d", [u64::MAX, 42, 0xbeef], -22),
            ("%0-5d|", [u64::MAX, 42, 0xbeef], 6),
            ("%-05d|", [u64::MAX, 42, 0xbeef], 6),
            ("%lp", [u64::MAX, 42, 0xbeef], -22),
            ("%ps", [u64::MAX, 42, 0xbeef], 18),
            ("%pB", [u64::MAX, 42, 0xbeef], 18),
            ("%pSx!", [u64::MAX, 42, 0xbeef], 19),
            ("%px1", [u64::MAX, 42, 0xbeef], 16),
            ("%10px|", [u64::MAX, 42, 0xbeef], 17),
            ("%-20px|", [u64::MAX, 42, 0xbeef], 21),
            ("%3c|", [u64::MAX, 42, 0xbeef], 4),
            ("%-3c|", [u64::MAX, 42, 0xbeef], 4),
            ("%03s|", [u64::MAX, 42, 0xbeef], 4),
            ("%03s|", [1, 0, 0], 5),
            ("%5%", [u64::MAX, 42, 0xbeef], -22),
            ("%l", [u64::MAX, 42, 0xbeef], -22),
            ("%ll", [u64::MAX, 42, 0xbeef], -22),
            ("%05s|", [u64::MAX, 42, 0xbeef], 6),
            ("%05s|", [1, 0, 0], 6),
            ("%+5d|", [u64::MAX, 42, 0xbeef], 6),
            ("% 5d|", [u64::MAX, 42, 0xbeef], 6),
            ("%-+5d|", [u64::MAX, 42, 0xbeef], 6),
            ("%020lx|", [u64::MAX, 42, 0xbeef], 21),
            ("%.3d", [u64::MAX, 42, 0xbeef], -22),
            ("%*d", [u64::MAX, 42, 0xbeef], -22),
            ("%s%s", [u64::MAX, 42, 0xbeef], 0),
            ("%s%s", [1, 0, 0], 4),
            ("%pus", [u64::MAX, 42, 0xbeef], 0),
            ("%pus", [1, 0, 0], 0),
            ("%pkS", [u64::MAX, 42, 0xbeef], -22),
            ("%pks.", [u64::MAX, 42, 0xbeef], 1),
            ("%pks.", [1, 0, 0], 5),
            ("%pksx", [u64::MAX, 42, 0xbeef], -22),
            ("%pksx", [1, 0, 0], -22),
            ("%pKx", [u64::MAX, 42, 0xbeef], 16),
            ("a\tb\n%d", [u64::MAX, 42, 0xbeef], 6),
            ("%10pI4|", [u64::MAX, 42, 0xbeef], 8),
            ("%10pI4|", [1, 1, 1], 9),
            ("%pI", [u64::MAX, 42, 0xbeef], -22),
            ("%pI", [1, 1, 1], -22),
            ("%pI5", [u64::MAX, 42, 0xbeef], -22),
            ("%pI5", [1, 1, 1], -22),
            ("%lc", [u64::MAX, 42, 0xbeef], -22),
            ("%500d|", [u64::MAX, 42, 0xbeef], 501),
            ("%X %lX", [u64::MAX, 42, 0xbeef], 11),
        ];
        for (fmt, args, expected) in rows {
            let bytes = [fmt.as_bytes(), &[0]].concat();
            let length = format(&bytes, args, &Fake).map_or(-22, |text| text.len() as i64);
            assert_eq!(length, *expected, "{fmt:?} with {args:?}");
        }
    }
}
