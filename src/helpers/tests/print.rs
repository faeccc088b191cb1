use super::bench::{Bench, errno};
use crate::machine::Errno;

const TRACE_PRINTK: i32 = 6;
const SNPRINTF: i32 = 165;
const TRACE_VPRINTK: i32 = 177;

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn trace_printk_writes_a_line_and_returns_its_length() {
    let mut bench = Bench::new();
    let fmt = bench.data(b"pid %d of %s\0");
    let comm = bench.data(b"bash\0");
    assert_eq!(bench.call(TRACE_PRINTK, [fmt, 13, 42, comm]), 14);
    let lines = bench.machine.trace.drain();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("bash-1234"), "{lines:?}");
    assert!(
        lines[0].ends_with("bpf_trace_printk: pid 42 of bash"),
        "{lines:?}"
    );
}

#[test]
fn trace_printk_of_a_bad_format_prints_nothing() {
    let mut bench = Bench::new();
    for fmt in [&b"%d %d %d %d\0"[..], b"%q\0", b"unterminated"] {
        let (addr, len) = (bench.data(fmt), fmt.len() as u64);
        assert_eq!(bench.call(TRACE_PRINTK, [addr, len]), errno(Errno::EINVAL));
    }
    assert_eq!(bench.machine.trace.drain().len(), 0);
}

#[test]
fn trace_printk_reads_strings_of_both_spaces_and_survives_bad_ones() {
    let mut bench = Bench::new();
    let (fmt, user) = (bench.data(b"<%s> <%s>\0"), bench.user(b"/bin/ls\0"));
    assert_eq!(bench.call(TRACE_PRINTK, [fmt, 10, user, 0xdead]), 12);
    assert!(bench.machine.trace.drain()[0].ends_with(": </bin/ls> <>"));
}

#[test]
fn trace_vprintk_takes_twelve_arguments_and_no_more() {
    let mut bench = Bench::new();
    let text = b"%d%d%d%d%d%d%d%d%d%d%d%d\0";
    let (fmt, size) = (bench.data(text), text.len() as u64);
    let data = bench.data(&words(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]));
    assert_eq!(bench.call(TRACE_VPRINTK, [fmt, size, data, 96]), 15);
    assert!(bench.machine.trace.drain()[0].ends_with(": 123456789101112"));
    for len in [104, 92] {
        assert_eq!(
            bench.call(TRACE_VPRINTK, [fmt, size, data, len]),
            errno(Errno::EINVAL)
        );
    }
    assert_eq!(
        bench.call(TRACE_VPRINTK, [fmt, size, 0, 8]),
        errno(Errno::EINVAL)
    );
}

#[test]
fn snprintf_returns_the_room_it_needs() {
    let mut bench = Bench::new();
    let (fmt, data) = (bench.data(b"%d-%s\0"), bench.data(b"abc\0"));
    let arguments = bench.data(&words(&[7, data]));
    let to = bench.data(&[0xff; 8]);
    assert_eq!(bench.call(SNPRINTF, [to, 8, fmt, arguments, 16]), 6);
    assert_eq!(bench.bytes(to, 8), b"7-abc\0\xff\xff");
    assert_eq!(bench.call(SNPRINTF, [to, 3, fmt, arguments, 16]), 6);
    assert_eq!(bench.bytes(to, 3), b"7-\0");
    assert_eq!(bench.call(SNPRINTF, [0, 0, fmt, arguments, 16]), 6);
    assert_eq!(
        bench.call(SNPRINTF, [to, 8, fmt, arguments, 8]),
        errno(Errno::EINVAL)
    );
}
