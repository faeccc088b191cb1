use super::super::{Redirect, Way, legacy_load};
use super::bench::{Bench, errno};
use super::packet_cases::{Arg, Case, PACKET, TC, XDP};
use crate::abi::ProgType;
use crate::abi::context::guest;
use crate::isa::Size;
use crate::machine::{Access, Addr, Errno, ObjectKind};

const SKB_LOAD_BYTES: i32 = 26;
const SKB_GET_TUNNEL_KEY: i32 = 20;
const CLONE_REDIRECT: i32 = 13;
const REDIRECT: i32 = 23;
const CSUM_DIFF: i32 = 28;
const GET_HASH_RECALC: i32 = 34;
const ADJUST_HEAD: i32 = 44;
const LOAD_RELATIVE: i32 = 68;
const XDP_LOAD_BYTES: i32 = 189;
const PERF_EVENT_OUTPUT: i32 = 25;

/// Helpers that take no context.
const WITHOUT_CONTEXT: [i32; 3] = [REDIRECT, 152, 155];

const HEADROOM: u64 = 256;
const BUFFER: u64 = 4096 - 320;

fn parse(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// A machine with the packet in a buffer and a context that describes it.
fn bench(prog_type: ProgType) -> Bench {
    let mut bench = Bench::new();
    bench.prog_type = prog_type;
    let packet = parse(PACKET);
    let buffer = bench.object(ObjectKind::Packet, &[0; BUFFER as usize]);
    let data = buffer.0 + HEADROOM;
    bench
        .machine
        .memory
        .poke(Addr(data), &packet)
        .expect("in bounds");
    let end = data + packet.len() as u64;
    bench
        .machine
        .memory
        .set_window(buffer, HEADROOM..end - buffer.0);
    let xdp = prog_type == ProgType::Xdp;
    let size = if xdp {
        guest::XDP_SIZE
    } else {
        guest::SKB_SIZE
    };
    bench.ctx = bench.object(ObjectKind::Context, &vec![0; size as usize]);
    let places = if xdp {
        [
            guest::XDP_HARD_START,
            guest::XDP_FRAME_END,
            guest::XDP_DATA_META,
            guest::XDP_DATA,
            guest::XDP_DATA_END,
        ]
    } else {
        [
            guest::SKB_HEAD,
            guest::SKB_END,
            guest::SKB_DATA_META,
            guest::SKB_DATA,
            guest::SKB_DATA_END,
        ]
    };
    for (place, value) in places
        .into_iter()
        .zip([buffer.0, buffer.0 + BUFFER, data, data, end])
    {
        set(&bench, place, Size::DW, value);
    }
    if !xdp {
        set(&bench, 0, Size::W, packet.len() as u64);
        set(&bench, 16, Size::W, 0x0008);
    }
    bench
}

fn set(bench: &Bench, off: u32, size: Size, value: u64) {
    let at = bench.ctx.offset(i64::from(off));
    bench
        .machine
        .memory
        .poke_uint(at, size, value)
        .expect("in bounds");
}

fn get(bench: &Bench, off: u32, size: Size) -> u64 {
    let at = bench.ctx.offset(i64::from(off));
    bench.machine.memory.peek_uint(at, size).expect("in bounds")
}

/// The packet, with its metadata before it.
fn packet(bench: &Bench) -> Vec<u8> {
    let (meta, end) = match bench.prog_type {
        ProgType::Xdp => (guest::XDP_DATA_META, guest::XDP_DATA_END),
        _ => (guest::SKB_DATA, guest::SKB_DATA_END),
    };
    let (start, end) = (get(bench, meta, Size::DW), get(bench, end, Size::DW));
    let len = (end - start) as u32;
    assert!(
        bench
            .machine
            .memory
            .check(Addr(start), len, Access::Write)
            .is_ok(),
        "the window"
    );
    assert!(
        bench
            .machine
            .memory
            .check(Addr(start), len + 1, Access::Read)
            .is_err(),
        "the window"
    );
    bench.bytes(start, len)
}

fn step(bench: &mut Bench, number: i32, args: &[Arg]) -> i64 {
    let mut all = [0; 5];
    let first = usize::from(!WITHOUT_CONTEXT.contains(&number));
    if first == 1 {
        all[0] = bench.ctx.0;
    }
    for (slot, arg) in all[first..].iter_mut().zip(args) {
        *slot = match arg {
            Arg::Num(number) => *number,
            Arg::Bytes(bytes) => bench.data(bytes),
        };
    }
    bench.call(number, all)
}

fn check(prog_type: ProgType, cases: &[Case]) {
    for case in cases {
        let mut bench = bench(prog_type);
        for (index, (number, args, expected)) in case.calls.iter().enumerate() {
            let reply = step(&mut bench, *number, args);
            assert_eq!(
                reply, *expected,
                "{} call {index}: {number} {args:x?}",
                case.name
            );
        }
        assert_eq!(packet(&bench), parse(case.packet), "{}", case.name);
        if prog_type != ProgType::Xdp {
            let len = packet(&bench).len() as u64;
            assert_eq!(get(&bench, 0, Size::W), len, "{}: length", case.name);
        }
    }
}

#[test]
fn tc_helpers_answer_and_change_the_packet_as_the_kernel_does() {
    check(ProgType::SchedCls, TC);
}

#[test]
fn xdp_helpers_answer_and_change_the_packet_as_the_kernel_does() {
    check(ProgType::Xdp, XDP);
}

#[test]
fn packet_helpers_without_a_packet_are_refused() {
    let mut bench = Bench::new();
    assert!(bench.reply(ADJUST_HEAD, [0, 4]).is_err());
    bench.prog_type = ProgType::Xdp;
    bench.ctx = Addr(bench.data(&[0xff; 64]));
    assert!(
        bench.reply(ADJUST_HEAD, [bench.ctx.0, 4]).is_err(),
        "nonsense for pointers"
    );
}

#[test]
fn loads_zero_what_they_cannot_read() {
    let mut bench = bench(ProgType::SchedCls);
    let to = bench.data(&[0xff; 8]);
    let ctx = bench.ctx.0;
    assert_eq!(bench.call(SKB_LOAD_BYTES, [ctx, 12, to, 2]), 0);
    assert_eq!(bench.bytes(to, 3), [8, 0, 0xff]);
    assert_eq!(
        bench.call(SKB_LOAD_BYTES, [ctx, 60, to, 8]),
        errno(Errno::EFAULT)
    );
    assert_eq!(bench.bytes(to, 8), [0; 8]);
    assert_eq!(bench.call(LOAD_RELATIVE, [ctx, 9, to, 1, 1]), 0);
    assert_eq!(bench.bytes(to, 1), [17], "UDP, from the network header");
    assert_eq!(bench.call(LOAD_RELATIVE, [ctx, 0, to, 1, 0]), 0);
    assert_eq!(bench.bytes(to, 1), [1], "from the link-layer header");
    for (off, start) in [(0, 2), (0x10000, 0), (60, 1)] {
        assert_eq!(
            bench.call(LOAD_RELATIVE, [ctx, off, to, 8, start]),
            errno(Errno::EFAULT)
        );
    }
}

#[test]
fn xdp_load_copies_or_leaves_the_buffer_alone() {
    let mut bench = bench(ProgType::Xdp);
    let (ctx, to) = (bench.ctx.0, bench.data(&[0xff; 4]));
    assert_eq!(
        bench.call(XDP_LOAD_BYTES, [ctx, 62, to, 4]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.bytes(to, 4), [0xff; 4]);
    assert_eq!(bench.call(XDP_LOAD_BYTES, [ctx, 60, to, 4]), 0);
    assert_eq!(bench.bytes(to, 4), [0x12, 0x13, 0x14, 0x15]);
}

#[test]
fn redirects_are_recorded() {
    let mut bench = bench(ProgType::SchedCls);
    assert_eq!(bench.call(REDIRECT, [3, 1]), 7);
    let expected = Redirect {
        ifindex: 3,
        way: Way::Ingress,
    };
    assert_eq!(bench.engine.state.redirect, Some(expected));
    assert_eq!(bench.call(CLONE_REDIRECT, [0, 4, 0]), 0);
    let copy = &bench.engine.state.copies[0];
    assert_eq!(
        copy.redirect,
        Redirect {
            ifindex: 4,
            way: Way::Egress
        }
    );
    assert_eq!(copy.data, parse(PACKET));
}

#[test]
fn hash_depends_on_the_packet_alone() {
    let (mut first, mut second) = (bench(ProgType::SchedCls), bench(ProgType::SchedCls));
    let hash = first.call(GET_HASH_RECALC, [0]);
    assert!(hash != 0);
    assert_eq!(hash, second.call(GET_HASH_RECALC, [0]));
    assert_eq!(get(&first, 68, Size::W) as i64, hash);
}

#[test]
fn no_packet_comes_out_of_a_tunnel() {
    let mut bench = bench(ProgType::SchedCls);
    let key = bench.data(&[0xff; 44]);
    assert_eq!(
        bench.call(SKB_GET_TUNNEL_KEY, [0, key, 44, 0]),
        errno(Errno::EINVAL)
    );
    assert_eq!(bench.bytes(key, 44), [0; 44]);
}

#[test]
fn csum_diff_sums_what_changed() {
    let mut bench = Bench::new();
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let (old, new) = (
        bench.data(&words(&[1, 2, 3])),
        bench.data(&words(&[4, 5, 6])),
    );
    assert_eq!(bench.call(CSUM_DIFF, [0, 0, new, 12, 0]), 15);
    assert_eq!(bench.call(CSUM_DIFF, [old, 12, new, 12, 7]), 9 + 7);
    assert_eq!(bench.call(CSUM_DIFF, [old, 4, 0, 0, 0]), 0xffff_fffe);
    assert_eq!(
        bench.call(CSUM_DIFF, [0, 0, new, 4, 0xffff_ffff]),
        4,
        "the carry comes around"
    );
    assert_eq!(
        bench.call(CSUM_DIFF, [old, 6, 0, 0, 0]),
        errno(Errno::EINVAL)
    );
    assert_eq!(
        bench.call(CSUM_DIFF, [old, 512, new, 4, 0]),
        errno(Errno::EINVAL)
    );
}

#[test]
fn legacy_loads_read_in_network_order_within_the_packet() {
    let bench = bench(ProgType::SchedCls);
    let load = |off, size| {
        let world = bench.world();
        legacy_load(&world, bench.ctx, off, size).expect("has a packet")
    };
    assert_eq!(load(12, Size::H), Some(0x0800));
    assert_eq!(load(0, Size::W), Some(0x0102_0304));
    assert_eq!(load(63, Size::B), Some(0x15));
    assert_eq!(load(63, Size::H), None);
    assert_eq!(
        load(-0x10_0000 + 9, Size::B),
        Some(17),
        "relative to the network header"
    );
    assert_eq!(
        load(-0x20_0000 + 12, Size::H),
        Some(0x0800),
        "relative to the link layer"
    );
    assert_eq!(load(-1, Size::B), None);
    assert_eq!(load(i32::MIN, Size::W), None);
}

#[test]
fn perf_output_appends_as_much_packet_as_flags_say() {
    let mut bench = bench(ProgType::Xdp);
    let map = bench.map("events perf_event_array 4 4 4");
    let (ctx, data) = (bench.ctx.0, bench.data(b"head"));
    let current = 0xffff_ffff;
    assert_eq!(
        bench.call(
            PERF_EVENT_OUTPUT,
            [ctx, map.handle.0, 4 << 32 | current, data, 4]
        ),
        0
    );
    assert_eq!(
        map.perf().expect("is one").drain()[0].data,
        b"head\x01\x02\x03\x04"
    );
    let args = [ctx, map.handle.0, 65 << 32 | current, data, 4];
    assert_eq!(bench.call(PERF_EVENT_OUTPUT, args), errno(Errno::EFAULT));
    let args = [ctx, map.handle.0, 1 << 63 | current, data, 4];
    assert_eq!(bench.call(PERF_EVENT_OUTPUT, args), errno(Errno::EINVAL));
}
