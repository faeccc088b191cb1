//! Bytes as lines of a hex dump, and what a program changed in a packet with `-` and `+` before
//! lines.

use std::fmt::Write as _;

/// Bytes in a line.
const ROW: usize = 16;

/// The lines of both packets; lines that are equal appear once, with a blank before them.
pub(super) fn diff(before: &[u8], after: &[u8]) -> String {
    let mut text = String::new();
    let rows = before.len().max(after.len()).div_ceil(ROW);
    for index in 0..rows {
        let (old, new) = (row(before, index), row(after, index));
        if old == new {
            push(&mut text, ' ', index, new);
            continue;
        }
        push(&mut text, '-', index, old);
        push(&mut text, '+', index, new);
    }
    text
}

/// The lines of the bytes; more than one line of zeros is `*`.
pub(super) fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut zeros = 0;
    for (index, row) in bytes.chunks(ROW).enumerate() {
        zeros = if row.iter().all(|&byte| byte == 0) {
            zeros + 1
        } else {
            0
        };
        match zeros {
            0 | 1 => push(&mut text, ' ', index, row),
            2 => text += "    *\n",
            _ => {}
        }
    }
    text
}

fn row(bytes: &[u8], index: usize) -> &[u8] {
    bytes.chunks(ROW).nth(index).unwrap_or_default()
}

fn push(text: &mut String, mark: char, index: usize, row: &[u8]) {
    if row.is_empty() {
        return;
    }
    let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_shown = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let letters: String = row
        .iter()
        .map(|byte| {
            if is_shown(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect();
    let offset = index * ROW;
    let _ = writeln!(
        text,
        "  {mark} {offset:04x}  {:<47}  {letters}",
        bytes.join(" ")
    );
}

#[cfg(test)]
mod tests {
    use super::{diff, dump};

    #[test]
    fn dump_folds_zeros() {
        let bytes = [&b"ab"[..], &[0; 62], &b"c"[..]].concat();
        let text = dump(&bytes);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(text.lines().nth(2), Some("    *"));
        assert!(text.starts_with("    0000  61 62 00 "), "{text}");
        assert!(text.ends_with("  c\n"), "{text}");
    }

    #[test]
    fn diff_of_equal_packets_marks_nothing() {
        let text = diff(b"0123456789abcdefXY", b"0123456789abcdefXY");
        assert!(!text.contains(['-', '+']), "{text}");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn diff_of_changed_row_shows_both() {
        let text = diff(b"0123456789abcdefXY", b"0123456789abcdefXZ");
        let marks: Vec<&str> = text.lines().filter_map(|line| line.get(2..3)).collect();
        assert_eq!(marks, [" ", "-", "+"]);
        assert!(text.ends_with("XZ\n"), "{text}");
    }

    #[test]
    fn diff_of_longer_packet_adds_rows() {
        let text = diff(b"", b"a");
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("+ 0000  61"), "{text}");
    }
}
