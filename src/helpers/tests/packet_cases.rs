//! What Linux 6.18 answered to sequences of calls on one packet, and the packet afterwards.
//!
//! They were run as `sched_cls` and `xdp` programs with `BPF_PROG_TEST_RUN`.

/// A packet: Ethernet, IPv4, UDP and 22 bytes.
pub(super) const PACKET: &str = "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415";

/// An argument after the context.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg {
    /// A number.
    Num(u64),
    /// The address of these bytes.
    Bytes(&'static [u8]),
}

use Arg::{Bytes, Num};

/// A helper's number, its arguments and what it returned.
pub(super) type Step = (i32, &'static [Arg], i64);

/// A sequence of calls.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) calls: &'static [Step],
    /// The packet afterwards; of XDP with its metadata before it.
    pub(super) packet: &'static str,
}

pub(super) const TC: &[Case] = &[
    Case {
        name: "store_load",
        calls: &[
            (9, &[Num(0), Bytes(b"\xaa\xbb\xcc\xdd"), Num(4), Num(0)], 0),
            (
                9,
                &[Num(0x3c), Bytes(b"\x01\x02\x03\x04\x05"), Num(5), Num(0)],
                -14,
            ),
            (
                9,
                &[Num(0x3c), Bytes(b"\x01\x02\x03\x04"), Num(4), Num(3)],
                0,
            ),
            (9, &[Num(0), Bytes(b"\x01\x02"), Num(2), Num(4)], -22),
            (
                9,
                &[Num(0x80000000), Bytes(b"\x01\x02"), Num(2), Num(0)],
                -14,
            ),
        ],
        packet: "aabbccdd05060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101101020304",
    },
    Case {
        name: "bounds",
        calls: &[
            (39, &[Num(0x41)], -12),
            (39, &[Num(0x40)], 0),
            (39, &[Num(0)], 0),
            (32, &[Num(4)], -22),
            (32, &[Num(3)], 0),
        ],
        packet: PACKET,
    },
    Case {
        name: "csum_state",
        calls: &[
            (135, &[Num(0)], -13),
            (135, &[Num(1)], 0),
            (135, &[Num(3)], 0),
            (135, &[Num(4)], -22),
            (40, &[Num(5)], -524),
        ],
        packet: PACKET,
    },
    Case {
        name: "tail",
        calls: &[
            (38, &[Num(0xd), Num(0)], -22),
            (38, &[Num(0xe), Num(0)], 0),
            (38, &[Num(0x14), Num(0)], 0),
            (38, &[Num(0x1e), Num(1)], -22),
            (38, &[Num(0x4e20), Num(0)], -22),
        ],
        packet: "0102030405060708090a0b0c0800000000000000",
    },
    Case {
        name: "tail_grow",
        calls: &[(38, &[Num(0x50), Num(0)], 0)],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f10111213141500000000000000000000000000000000",
    },
    Case {
        name: "head",
        calls: &[
            (43, &[Num(8), Num(0)], 0),
            (43, &[Num(8), Num(1)], -22),
            (43, &[Num(0x4e20), Num(0)], -22),
            (43, &[Num(0xffffffff), Num(0)], -22),
        ],
        packet: "00000000000000000102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "head_then_room",
        calls: &[
            (43, &[Num(14), Num(0)], 0),
            (50, &[Num(8), Num(1), Num(0)], 0),
            (50, &[Num(4), Num(0), Num(0)], 0),
        ],
        packet: "00000000000000000000000000000102030405060708090a0b0c080000000000000000004500003200010000401166b8000000000a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "room_net",
        calls: &[
            (50, &[Num(8), Num(0), Num(0)], 0),
            (50, &[Num(0x1000), Num(0), Num(0)], -14),
            (50, &[Num(8), Num(2), Num(0)], -524),
            (50, &[Num(8), Num(0), Num(0x100000)], -22),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a000002000000000000000003e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "room_mac",
        calls: &[
            (50, &[Num(8), Num(1), Num(0)], 0),
            (50, &[Num(8), Num(1), Num(2)], 0),
        ],
        packet: "0102030405060708090a0b0c0800000000000000000000000000000000004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "room_take",
        calls: &[
            (50, &[Num(0xfffffff8), Num(0), Num(0)], 0),
            (50, &[Num(0xffffffec), Num(1), Num(0)], 0),
        ],
        packet: "0102030405060708090a0b0c0800000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "room_take_all",
        calls: &[
            (50, &[Num(0xffffffe1), Num(0), Num(0)], -524),
            (50, &[Num(0xffffffe2), Num(0), Num(0)], 0),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a000002",
    },
    Case {
        name: "room_take_encap",
        calls: &[
            (50, &[Num(0xfffffff8), Num(0), Num(2)], -22),
            (50, &[Num(0xfffffff8), Num(0), Num(0x20)], 0),
            (50, &[Num(0xfffffff8), Num(0), Num(0x80)], 0),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000208090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "proto",
        calls: &[
            (31, &[Num(0xdd86), Num(0)], 0),
            (31, &[Num(0xdd86), Num(0)], -524),
            (31, &[Num(8), Num(1)], -22),
            (31, &[Num(8), Num(0)], 0),
        ],
        packet: PACKET,
    },
    Case {
        name: "proto6",
        calls: &[(31, &[Num(0xdd86), Num(0)], 0)],
        packet: "0102030405060708090a0b0c080000000000000000000000000000000000000000004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "vlan",
        calls: &[(18, &[Num(0x81), Num(5)], 0), (19, &[], 0)],
        packet: PACKET,
    },
    Case {
        name: "vlan2",
        calls: &[
            (18, &[Num(0x81), Num(0x123)], 0),
            (18, &[Num(0xa888), Num(0x456)], 0),
        ],
        packet: "0102030405060708090a0b0c8100012308004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "vlan2pop",
        calls: &[
            (18, &[Num(0x81), Num(0x123)], 0),
            (18, &[Num(0xa888), Num(0x456)], 0),
            (19, &[], 0),
        ],
        packet: PACKET,
    },
    Case {
        name: "vlan3",
        calls: &[
            (18, &[Num(0x81), Num(0x123)], 0),
            (18, &[Num(0xa888), Num(0x456)], 0),
            (18, &[Num(0x1234), Num(0x789)], 0),
            (19, &[], 0),
            (19, &[], 0),
        ],
        packet: PACKET,
    },
    Case {
        name: "vlan_none",
        calls: &[(19, &[], 0)],
        packet: PACKET,
    },
    Case {
        name: "l3",
        calls: &[
            (10, &[Num(0x18), Num(0x100000a), Num(0x500000a), Num(4)], 0),
            (10, &[Num(0x18), Num(0x11), Num(0x12), Num(2)], 0),
            (10, &[Num(0x18), Num(1), Num(2), Num(3)], -22),
            (10, &[Num(0x19), Num(1), Num(2), Num(2)], -14),
            (10, &[Num(0x3f), Num(1), Num(2), Num(2)], -14),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401165b40a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "l3diff",
        calls: &[
            (10, &[Num(0x18), Num(0), Num(0xfffffffe), Num(0)], 0),
            (10, &[Num(0x18), Num(1), Num(5), Num(0)], -22),
            (10, &[Num(0x18), Num(1), Num(5), Num(0x10)], -22),
            (10, &[Num(0x40), Num(1), Num(5), Num(2)], -14),
            (10, &[Num(0x3e), Num(1), Num(5), Num(2)], 0),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401167b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131015",
    },
    Case {
        name: "l4",
        calls: &[
            (
                11,
                &[Num(0x28), Num(0x100000a), Num(0x500000a), Num(0x14)],
                0,
            ),
            (11, &[Num(0x28), Num(0x11), Num(0x12), Num(2)], 0),
            (11, &[Num(0x28), Num(0), Num(0x4d), Num(0x20)], 0),
            (11, &[Num(0x28), Num(0x1111), Num(0x2222), Num(0x22)], 0),
            (11, &[Num(0x28), Num(1), Num(2), Num(0x100)], -22),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001eb31e000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "l4zero",
        calls: &[
            (9, &[Num(0x28), Bytes(b"\x00\x00"), Num(2), Num(0)], 0),
            (11, &[Num(0x28), Num(0x11), Num(0x12), Num(0x22)], 0),
            (11, &[Num(0x28), Num(0x11), Num(0x12), Num(0x62)], 0),
            (11, &[Num(0x28), Num(0x12), Num(0x11), Num(0x42)], 0),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e0000000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "l4mangle",
        calls: &[
            (9, &[Num(0x28), Bytes(b"\x01\x00"), Num(2), Num(0)], 0),
            (11, &[Num(0x28), Num(0), Num(1), Num(0x20)], 0),
            (9, &[Num(0x28), Bytes(b"\xfe\xff"), Num(2), Num(0)], 0),
            (11, &[Num(0x28), Num(2), Num(1), Num(0x22)], 0),
        ],
        packet: "0102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001effff000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "redirect",
        calls: &[
            (23, &[Num(1), Num(0)], 7),
            (23, &[Num(1), Num(1)], 7),
            (23, &[Num(1), Num(2)], 2),
            (155, &[Num(1), Num(1)], 2),
            (152, &[Num(1), Num(0), Num(0), Num(1)], 2),
        ],
        packet: PACKET,
    },
    Case {
        name: "hash",
        calls: &[(48, &[Num(0x4d)], 0), (34, &[], 77), (41, &[], 0)],
        packet: PACKET,
    },
    Case {
        name: "clone",
        calls: &[(13, &[Num(1), Num(2)], -22), (13, &[Num(0), Num(0)], -22)],
        packet: PACKET,
    },
];

pub(super) const XDP: &[Case] = &[
    Case {
        name: "head",
        calls: &[(44, &[Num(0xffffff28)], 0), (44, &[Num(0xd8)], 0)],
        packet: PACKET,
    },
    Case {
        name: "head_bad",
        calls: &[
            (44, &[Num(0xffffff27)], -22),
            (44, &[Num(0x33)], -22),
            (44, &[Num(0x32)], 0),
        ],
        packet: "08090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "tail",
        calls: &[
            (65, &[Num(0xffffffcd)], -22),
            (65, &[Num(0xffffffce)], 0),
            (65, &[Num(4)], 0),
        ],
        packet: "0102030405060708090a0b0c080000000000",
    },
    Case {
        name: "meta",
        calls: &[
            (54, &[Num(0xfffffff8)], 0),
            (54, &[Num(0xfffffffa)], -13),
            (54, &[Num(4)], 0),
            (54, &[Num(0xffffff04)], -22),
            (54, &[Num(5)], -22),
        ],
        packet: "000000000102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "meta_head",
        calls: &[
            (54, &[Num(0xfffffff8)], 0),
            (44, &[Num(8)], 0),
            (44, &[Num(0xffffff20)], -22),
            (44, &[Num(0xffffff30)], 0),
        ],
        packet: "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "meta_max",
        calls: &[
            (54, &[Num(0xffffff08)], -22),
            (54, &[Num(0xffffff28)], 0),
            (54, &[Num(0xffffff24)], -22),
            (54, &[Num(0xdc)], -22),
        ],
        packet: "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000102030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101112131415",
    },
    Case {
        name: "bytes",
        calls: &[
            (188, &[], 64),
            (190, &[Num(0x3c), Bytes(b"\x01\x02\x03\x04"), Num(4)], 0),
            (190, &[Num(0x3d), Bytes(b"\x01\x02\x03\x04"), Num(4)], -22),
            (190, &[Num(0x10000), Bytes(b"\x01"), Num(1)], -14),
            (190, &[Num(0), Bytes(b"\x07\x07"), Num(2)], 0),
        ],
        packet: "0707030405060708090a0b0c08004500003200010000401166b80a0000010a00000203e80035001e1234000102030405060708090a0b0c0d0e0f101101020304",
    },
    Case {
        name: "redirect",
        calls: &[(23, &[Num(3), Num(0)], 4), (23, &[Num(3), Num(1)], 0)],
        packet: PACKET,
    },
];
