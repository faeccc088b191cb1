//! Format strings of `bpf_trace_printk`, `bpf_trace_vprintk`, `bpf_snprintf` and their kin.
//!
//! It is no printf: it knows the conversions that Linux 6.12 grants programs and refuses the others
//! with `EINVAL`, as `bpf_bprintf_prepare` (`kernel/trace`, `kernel/bpf/helpers.c`) does.
//!
//! Rules:
//! - A format is read once, into [`Piece`]s; their arguments are copied into a [`Packed`] buffer, and
//!   only then is anything printed, from what was copied.
//! - Formats end with a zero. Control characters but white space are refused, bytes beyond ASCII are
//!   text, some of them spaces and punctuation of Latin-1.
//! - A text may be longer than what is kept of it: its whole length is what is returned.

mod pack;
mod parse;
mod print;

use pack::Packed;
use parse::Pieces;
pub(super) use print::Text;

use crate::machine::Errno;

/// Where conversions that follow pointers read.
pub(super) trait Source {
    /// The string at `addr`, without its zero; nothing if it cannot be read.
    fn string(&self, addr: u64, space: Space) -> Option<Vec<u8>>;
    /// Bytes at `addr`, if they can be read.
    fn bytes(&self, addr: u64, buf: &mut [u8]) -> Option<()>;
    /// The name of what lies at `addr`, with the distance from its start.
    fn symbol(&self, addr: u64) -> Option<String>;
    /// What is shown in place of an address.
    fn hash(&self, addr: u64) -> u32;
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

/// Formats `args` by `format`, whose text ends at the first zero, for a buffer of `size` bytes.
pub(super) fn format(
    format: &[u8],
    args: &[u64],
    source: &dyn Source,
    size: usize,
) -> Result<Text, Errno> {
    let end = format.iter().position(|byte| *byte == 0);
    let text = format.get(..end.ok_or(Errno::EINVAL)?).unwrap_or_default();
    let mut args = args.iter();
    let mut packed = Packed::default();
    let mut pieces = Vec::new();
    for piece in Pieces::of(text) {
        let piece = piece?;
        if let Some(conversion) = piece.conversion() {
            let arg = args.next().ok_or(Errno::EINVAL)?;
            packed.push(conversion, *arg, source)?;
        }
        pieces.push(piece);
    }
    Ok(print::print(&pieces, &packed, source, size))
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

        fn hash(&self, addr: u64) -> u32 {
            !(addr as u32)
        }
    }

    fn text(fmt: &str, args: &[u64]) -> Result<String, Errno> {
        let bytes = [fmt.as_bytes(), &[0]].concat();
        format(&bytes, args, &Fake, 4096).map(|out| String::from_utf8(out.bytes).expect("ascii"))
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
            "00000000ffffff54 0000000000000001, 00000000fffffffd."
        );
        assert_eq!(ok("%ps %pS", &[0x1000, 0x2000]), "do_execve+0x0 0x2000");
        assert_eq!(ok("%s %pks %pus", &[1, 1, 2]), "bash bash /bin/ls");
        assert_eq!(ok("%pI4 %pi4", &[1, 1]), "10.0.0.1 010.000.000.001");
        assert_eq!(ok("%pI6", &[1]), "0a00:0001:fe80:0000:0000:0000:0000:0000");
        assert_eq!(ok("%pi6", &[1]), "0a000001fe8000000000000000000000");
    }

    /// As Linux 6.18 prints them.
    #[test]
    fn pointers_that_are_no_addresses_are_shown_as_they_are() {
        assert_eq!(ok("%p %pK", &[0, 0]), "0000000000000000 0000000000000000");
        let errors = [-1_i64, -4095, -4096].map(i64::cast_unsigned);
        assert_eq!(
            ok("%p %p %p", &errors),
            "ffffffffffffffff fffffffffffff001 0000000000000fff"
        );
    }

    #[test]
    fn unreadable_pointers_print_as_nothing_or_zeros() {
        assert_eq!(ok("<%s> %pI4", &[9, 9]), "<> 0.0.0.0");
        assert_eq!(ok("<%pks>", &[2]), "<>");
    }

    /// As Linux 6.18 prints them: zeros go before an address up to its 16 digits where no width is
    /// given, else only where they are asked for (`pointer_string` in lib/vsprintf.c).
    #[test]
    fn addresses_are_filled_with_zeros_where_no_width_is_given() {
        let rows = [
            ("%px|", "00000000000000ff|"),
            ("%-px|", "ff              |"),
            ("%0px|", "00000000000000ff|"),
            ("%5px|", "   ff|"),
            ("%20px|", "                  ff|"),
            ("%-20px|", "ff                  |"),
            ("%020px|", "000000000000000000ff|"),
            ("%-020px|", "ff                  |"),
            ("%0-5px|", "ff   |"),
            ("%1px|", "ff|"),
            ("%p|", "00000000ffffff00|"),
            ("%20pK|", "            ffffff00|"),
            ("%-10p|", "ffffff00  |"),
        ];
        for (fmt, expected) in rows {
            assert_eq!(ok(fmt, &[255]), expected, "{fmt}");
        }
    }

    #[test]
    fn bad_formats_are_refused() {
        let args = [1; 12];
        for bad in [
            "%", "%k", "%pk", "%pz", "%hd", "%ls", "%sx", "%llld", "%5", "%\u{1}", "\u{1}", "%n",
            "%f", "%#x",
        ] {
            assert_eq!(text(bad, &args), Err(Errno::EINVAL), "{bad}");
        }
        assert_eq!(
            text("%d %d", &[1]),
            Err(Errno::EINVAL),
            "more conversions than arguments"
        );
        assert_eq!(format(b"unterminated", &[], &Fake, 0), Err(Errno::EINVAL));
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
            ("%5px|", [255, 42, 0xbeef], 6),
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
            ("%2000d|", [u64::MAX, 42, 0xbeef], 2001),
            ("%d\u{e9}", [u64::MAX, 42, 0xbeef], 4),
            ("%500d|", [u64::MAX, 42, 0xbeef], 501),
            ("%X %lX", [u64::MAX, 42, 0xbeef], 11),
        ];
        for (fmt, args, expected) in rows {
            let bytes = [fmt.as_bytes(), &[0]].concat();
            let length = format(&bytes, args, &Fake, 1024).map_or(-22, |text| text.length as i64);
            assert_eq!(length, *expected, "{fmt:?} with {args:?}");
        }
    }
}
