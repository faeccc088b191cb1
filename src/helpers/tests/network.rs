//! Routes, congestion, sockets that are looked up, and maps of them.

use super::super::Redirect;
use super::bench::{Bench, Owned, errno};
use crate::abi::ProgType;
use crate::isa::Size;
use crate::machine::{
    Addr, Errno, Hop, Protocol, Route, SkBuff, SkbLayer, SocketSpec, XdpFrame, XdpQueue, socket,
};

const SETSOCKOPT: i32 = 49;
const SK_REDIRECT_MAP: i32 = 52;
const GETSOCKOPT: i32 = 57;
const FIB_LOOKUP: i32 = 69;
const SK_LOOKUP_TCP: i32 = 84;
const ECN_SET_CE: i32 = 97;
const SK_ASSIGN: i32 = 124;
const MAP_UPDATE: i32 = 2;
const MAP_LOOKUP: i32 = 1;

fn frame_bench() -> Bench {
    let mut bench = Bench::new();
    bench.prog_type = ProgType::Xdp;
    let frame = XdpFrame::new(&bench.machine.memory, &[0; 60], XdpQueue::default());
    bench.packet = Some(Owned::Xdp(frame.expect("memory")));
    bench
}

fn skb_bench(frame: &[u8]) -> Bench {
    let mut bench = Bench::new();
    bench.prog_type = ProgType::SchedCls;
    let skb = SkBuff::new(&bench.machine.memory, frame, SkbLayer::Link).expect("memory");
    bench.packet = Some(Owned::Skb(skb));
    bench
}

/// A lookup of a route of IPv4 from `eth0`, which forwards.
fn lookup(bench: &mut Bench, to: [u8; 4], flags: u64) -> (i64, Vec<u8>) {
    let mut params = [0; 64];
    params[0] = 2;
    params[8] = 2;
    params[32..36].copy_from_slice(&to);
    let at = bench.data(&params);
    let found = bench.call(FIB_LOOKUP, [0, at, 64, flags]);
    (found, bench.bytes(at, 64))
}

#[test]
fn route_by_a_router_gives_both_link_addresses() {
    let mut bench = frame_bench();
    let (found, params) = lookup(&mut bench, [192, 0, 2, 1], 0);
    assert_eq!(found, 0);
    assert_eq!(params[32..36], [10, 0, 0, 254], "the router comes next");
    assert_eq!(params[52..58], [0x52, 0x54, 0, 0, 0, 1]);
    assert_eq!(params[58..64], [0x52, 0x54, 0, 0, 0, 0xfe]);
}

#[test]
fn route_ends_where_nobody_is_known_or_nothing_goes() {
    const NO_NEIGHBOUR: i64 = 7;
    let mut bench = frame_bench();
    assert_eq!(lookup(&mut bench, [10, 0, 0, 9], 0).0, NO_NEIGHBOUR);
    let (found, params) = lookup(&mut bench, [10, 0, 0, 9], 4 | 16);
    assert_eq!((found, &params[16..20]), (0, &[10, 0, 0, 1][..]));
    let not_forwarded = 4;
    assert_eq!(lookup(&mut bench, [10, 0, 0, 1], 0).0, not_forwarded);
    for (index, way) in [Hop::Blackhole, Hop::Unreachable, Hop::Prohibited]
        .into_iter()
        .enumerate()
    {
        let last = index as u8 + 1;
        bench.machine.network.add_route(Route {
            to: [198, 51, 100, last].into(),
            bits: 32,
            table: 254,
            metric: 0,
            way,
        });
        let (found, _) = lookup(&mut bench, [198, 51, 100, last], 0);
        assert_eq!(found, i64::from(last));
    }
}

#[test]
fn congestion_is_marked_where_the_sender_can_be_told() {
    let mark = |service: u8| {
        let mut frame = include_bytes!("../../../corpus/packets/udp.bin").to_vec();
        let before = frame[15];
        frame[15] = service;
        // The checksum follows (RFC 1624).
        let sum =
            u32::from(u16::from_be_bytes([frame[24], frame[25]])) + u32::from(before) + 0xffff
                - u32::from(service);
        let sum = ((sum & 0xffff) + (sum >> 16)) as u16;
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        let mut bench = skb_bench(&frame);
        let marked = bench.call(ECN_SET_CE, [0]);
        let Some(Owned::Skb(skb)) = &bench.packet else {
            panic!("the packet stays");
        };
        let bytes = skb.bytes(&bench.machine.memory);
        let words = bytes[14..34].chunks(2);
        let sum: u32 = words
            .map(|two| u32::from(u16::from_be_bytes([two[0], two[1]])))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        assert_eq!(folded, 0xffff, "the checksum holds");
        (marked, bytes[15])
    };
    assert_eq!(
        [mark(0), mark(1), mark(2), mark(3)],
        [(0, 0), (1, 3), (1, 3), (1, 3)]
    );
    let mut frame = include_bytes!("../../../corpus/packets/icmpv6.bin").to_vec();
    assert_eq!(skb_bench(&frame).call(ECN_SET_CE, [0]), 0);
    frame[15] |= 0x10;
    assert_eq!(skb_bench(&frame).call(ECN_SET_CE, [0]), 1);
}

fn listening(bench: &Bench) -> (u64, u64) {
    let spec = SocketSpec {
        protocol: Protocol::Tcp,
        local: "10.0.0.1:80".parse().expect("an address"),
        remote: None,
        uid: 5,
    };
    let open = bench.machine.open_socket(spec).expect("memory");
    (open.at.0, open.cookie)
}

/// A tuple of IPv4: from anywhere to that address and port.
fn tuple(bench: &Bench, to: [u8; 4], port: u16) -> u64 {
    let mut bytes = vec![192, 0, 2, 1];
    bytes.extend(to);
    bytes.extend(7u16.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    bench.data(&bytes)
}

const ANY_NETNS: u64 = u32::MAX as u64;

#[test]
fn socket_that_listens_is_found_and_given_to_a_packet() {
    let mut bench = skb_bench(&[0; 60]);
    let (at, _) = listening(&bench);
    let [own, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|to| tuple(&bench, to, 80));
    assert_eq!(
        bench.call(SK_LOOKUP_TCP, [0, own, 12, ANY_NETNS, 0]),
        at as i64
    );
    assert_eq!(bench.call(SK_LOOKUP_TCP, [0, other, 12, ANY_NETNS, 0]), 0);
    assert_eq!(bench.call(SK_LOOKUP_TCP, [0, own, 11, ANY_NETNS, 0]), 0);
    assert_eq!(bench.call(SK_LOOKUP_TCP, [0, own, 12, ANY_NETNS, 1]), 0);
    assert_eq!(
        bench.call(SK_LOOKUP_TCP, [0, own, 12, 3, 0]),
        0,
        "another namespace"
    );
    assert_eq!(bench.call(SK_ASSIGN, [0, at, 0]), 0);
    assert_eq!(bench.call(SK_ASSIGN, [0, at, 1]), errno(Errno::EINVAL));
    let state = Addr(at).offset(socket::STATE as i64);
    assert_eq!(
        bench.machine.memory.peek_uint(state, Size::W),
        Ok(socket::LISTEN)
    );
}

#[test]
fn options_of_a_socket_are_kept() {
    const SOL_SOCKET: u64 = 1;
    const SOL_TCP: u64 = 6;
    const MARK: u64 = 36;
    const CONGESTION: u64 = 13;
    let mut bench = Bench::new();
    let (at, _) = listening(&bench);
    let room = bench.data(&[9; 16]);
    assert_eq!(
        bench.call(GETSOCKOPT, [at, SOL_TCP, CONGESTION, room, 16]),
        0
    );
    assert_eq!(bench.bytes(room, 8), b"cubic\0\0\0");
    let value = bench.data(&77u32.to_le_bytes());
    assert_eq!(bench.call(SETSOCKOPT, [at, SOL_SOCKET, MARK, value, 4]), 0);
    assert_eq!(bench.call(GETSOCKOPT, [at, SOL_SOCKET, MARK, room, 4]), 0);
    assert_eq!(bench.bytes(room, 4), [77, 0, 0, 0]);
    let refused = errno(Errno::EINVAL);
    assert_eq!(
        bench.call(SETSOCKOPT, [at, SOL_SOCKET, MARK, value, 3]),
        refused
    );
    assert_eq!(
        bench.call(SETSOCKOPT, [at, SOL_SOCKET, 9999, value, 4]),
        refused
    );
    assert_eq!(
        bench.call(GETSOCKOPT, [at, 41, 67, room, 4]),
        refused,
        "of IPv4"
    );
    assert_eq!(bench.bytes(room, 4), [0; 4]);
}

#[test]
fn map_of_sockets_leads_to_the_one_that_was_put_in() {
    let mut bench = Bench::new();
    let (at, _) = listening(&bench);
    let map = bench.map("sockets sockmap 4 8 2").handle.0;
    let key = bench.data(&1u32.to_le_bytes());
    let junk = bench.data(&[0; 8]);
    assert_eq!(
        bench.call(MAP_UPDATE, [map, key, junk, 0]),
        errno(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        bench.call(MAP_UPDATE, [map, key, at, 2]),
        errno(Errno::ENOENT)
    );
    assert_eq!(bench.call(MAP_UPDATE, [map, key, at, 0]), 0);
    assert_eq!(
        bench.call(MAP_UPDATE, [map, key, at, 1]),
        errno(Errno::EEXIST)
    );
    assert_eq!(bench.call(MAP_LOOKUP, [map, key]), at as i64);
    assert_eq!(bench.call(SK_REDIRECT_MAP, [0, map, 0, 0]), 0);
    assert_eq!(
        bench.call(SK_REDIRECT_MAP, [0, map, 1, 2]),
        0,
        "a flag that there is not"
    );
    assert_eq!(
        bench.call(SK_REDIRECT_MAP, [0, map, 1, 1]),
        0,
        "nobody is at its other end"
    );
    let spec = SocketSpec {
        protocol: Protocol::Tcp,
        local: "10.0.0.1:80".parse().expect("an address"),
        remote: Some("10.0.0.2:999".parse().expect("an address")),
        uid: 5,
    };
    let open = bench.machine.open_socket(spec).expect("memory");
    let (connected, cookie) = (open.at.0, open.cookie);
    let key = bench.data(&0u32.to_le_bytes());
    assert_eq!(bench.call(MAP_UPDATE, [map, key, connected, 0]), 0);
    assert_eq!(bench.call(SK_REDIRECT_MAP, [0, map, 0, 1]), 1);
    let to = bench.engine.state.redirect.as_ref();
    assert!(
        matches!(to, Some(Redirect::Stream { cookie: own, .. }) if *own == cookie),
        "{to:?}"
    );
}
