use super::super::{Redirect, Way, legacy_load};
use super::bench::{Bench, Owned, errno};
use super::packet_cases::{Arg, Case, PACKET, TC, XDP};
use crate::abi::ProgType;
use crate::isa::Size;
use crate::machine::{Errno, SkBuff, SkbLayer, XdpFrame, XdpQueue};

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

fn parse(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// A machine with the packet.
fn bench(prog_type: ProgType) -> Bench {
    let mut bench = Bench::new();
    bench.prog_type = prog_type;
    let (memory, bytes) = (&bench.machine.memory, parse(PACKET));
    let (packet, ctx) = if prog_type == ProgType::Xdp {
        let frame = XdpFrame::new(memory, &bytes, XdpQueue::default()).expect("memory");
        let ctx = frame.ctx();
        (Owned::Xdp(frame), ctx)
    } else {
        let skb = SkBuff::new(memory, &bytes, SkbLayer::Link).expect("memory");
        let ctx = skb.ctx();
        (Owned::Skb(skb), ctx)
    };
    (bench.packet, bench.ctx) = (Some(packet), ctx);
    bench
}

fn field(bench: &Bench, off: i64) -> u64 {
    bench
        .machine
        .memory
        .peek_uint(bench.ctx.offset(off), Size::W)
        .expect("in bounds")
}

/// The packet, with its metadata before it.
fn packet(bench: &Bench) -> Vec<u8> {
    let memory = &bench.machine.memory;
    match bench.packet.as_ref().expect("there is one") {
        Owned::Xdp(frame) => [frame.meta(memory), frame.bytes(memory)].concat(),
        Owned::Skb(skb) => skb.bytes(memory),
    }
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
            assert_eq!(field(&bench, 0), len, "{}: length", case.name);
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
    assert!(legacy_load(&bench.world(), 0, Size::B).is_err());
    let mut skb = self::bench(ProgType::SchedCls);
    assert!(
        skb.reply(ADJUST_HEAD, [0, 4]).is_err(),
        "a packet of the other kind"
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
    let expected = Redirect::Device {
        ifindex: 3,
        way: Way::Ingress,
    };
    assert_eq!(bench.engine.state.redirect, Some(expected));
    assert_eq!(bench.call(CLONE_REDIRECT, [0, 99, 0]), errno(Errno::EINVAL));
    assert_eq!(bench.call(CLONE_REDIRECT, [0, 1, 0]), 0);
    let copy = &bench.engine.state.copies[0];
    assert_eq!(
        copy.redirect,
        Redirect::Device {
            ifindex: 1,
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
    assert_eq!(field(&first, 68) as i64, hash);
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
        legacy_load(&world, off, size).expect("has a packet")
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
