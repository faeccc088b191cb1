//! The contexts of programs on a control group, packets aside.
//!
//! Several fields depend on the attach type: an IPv4 hook has no IPv6 address.

use super::FieldAccess::{AtLeast, Narrow, Prefix, Whole};
use super::FieldKind::{PacketData, PacketEnd, Sock};
use super::SockView::Full;
use super::row::{Row, num, pointer, select};
use super::{Context, Field, Shape};
use crate::abi::AttachType::{self, *};

const CREATE: u32 = 1;
const BIND4: u32 = 2;
const BIND6: u32 = 4;
/// No context but a pointer: a full socket, and what all kinds of sockets share.
const FULL: u32 = 8;
const COMMON: u32 = 16;

const fn sock_word(name: &'static str, off: u32) -> Row {
    num(name, off, 4, Narrow)
}

#[rustfmt::skip]
const SOCK_ROWS: [Row; 21] = [
    num("bound_dev_if", 0, 4, Whole).readers(CREATE | FULL | COMMON).writers(CREATE, Whole),
    num("family", 4, 4, Prefix),
    num("type", 8, 4, Prefix).readers(!COMMON),
    num("protocol", 12, 4, Prefix).readers(!COMMON),
    num("mark", 16, 4, Whole).readers(CREATE | FULL).writers(CREATE, Whole),
    num("priority", 20, 4, Whole).readers(CREATE | FULL).writers(CREATE, Whole),
    sock_word("src_ip4", 24).readers(BIND4 | FULL | COMMON),
    sock_word("src_ip6[0]", 28).readers(BIND6 | FULL | COMMON),
    sock_word("src_ip6[1]", 32).readers(BIND6 | FULL | COMMON),
    sock_word("src_ip6[2]", 36).readers(BIND6 | FULL | COMMON),
    sock_word("src_ip6[3]", 40).readers(BIND6 | FULL | COMMON),
    num("src_port", 44, 4, Prefix).readers(!CREATE),
    num("dst_port", 48, 2, Narrow),
    // A load of 4 bytes was the only one before 5.18 and remains allowed.
    num("dst_port", 48, 4, Whole),
    sock_word("dst_ip4", 52),
    sock_word("dst_ip6[0]", 56),
    sock_word("dst_ip6[1]", 60),
    sock_word("dst_ip6[2]", 64),
    sock_word("dst_ip6[3]", 68),
    num("state", 72, 4, Prefix),
    num("rx_queue_mapping", 76, 4, Prefix),
];
static SOCK_CREATE: [Field; 21] = select(&SOCK_ROWS, CREATE);
static SOCK_BIND4: [Field; 21] = select(&SOCK_ROWS, BIND4);
static SOCK_BIND6: [Field; 21] = select(&SOCK_ROWS, BIND6);
/// `bpf_sock` behind a pointer to a full socket.
pub(super) static SOCK_FULL: [Field; 21] = select(&SOCK_ROWS, FULL);
/// `bpf_sock` behind a pointer to any kind of socket.
pub(super) static SOCK_COMMON: [Field; 21] = select(&SOCK_ROWS, COMMON);

/// `bpf_sock`.
pub(super) fn sock(attach_type: Option<AttachType>) -> Context {
    let fields = match attach_type {
        Some(CgroupInet4PostBind) => &SOCK_BIND4,
        Some(CgroupInet6PostBind) => &SOCK_BIND6,
        _ => &SOCK_CREATE,
    };
    Context {
        name: "bpf_sock",
        guest_size: 80,
        shape: Shape::Fields(fields),
    }
}

const V4: u32 = 1;
const V6: u32 = 2;
const UNIX: u32 = 4;
const SEND4: u32 = 8;
const SEND6: u32 = 16;

#[rustfmt::skip]
const SOCK_ADDR_ROWS: [Row; 10] = [
    num("user_family", 0, 4, Whole),
    num("user_ip4", 4, 4, Narrow).readers(V4 | SEND4).writers(V4 | SEND4, Whole),
    num("user_ip6", 8, 16, Narrow).readers(V6 | SEND6).writers(V6 | SEND6, AtLeast(4)),
    num("user_port", 24, 4, Narrow).writers(u32::MAX, Whole),
    num("family", 28, 4, Whole),
    num("type", 32, 4, Whole),
    num("protocol", 36, 4, Whole),
    num("msg_src_ip4", 40, 4, Narrow).readers(SEND4).writers(SEND4, Whole),
    num("msg_src_ip6", 44, 16, Narrow).readers(SEND6).writers(SEND6, AtLeast(4)),
    pointer("sk", 64, Sock(Full)),
];
static ADDR_V4: [Field; 10] = select(&SOCK_ADDR_ROWS, V4);
static ADDR_V6: [Field; 10] = select(&SOCK_ADDR_ROWS, V6);
static ADDR_UNIX: [Field; 10] = select(&SOCK_ADDR_ROWS, UNIX);
static ADDR_SEND4: [Field; 10] = select(&SOCK_ADDR_ROWS, SEND4);
static ADDR_SEND6: [Field; 10] = select(&SOCK_ADDR_ROWS, SEND6);

/// `bpf_sock_addr`.
pub(super) fn sock_addr(attach_type: Option<AttachType>) -> Context {
    let fields = match attach_type {
        Some(
            CgroupInet4Bind
            | CgroupInet4Connect
            | CgroupUdp4Recvmsg
            | CgroupInet4Getpeername
            | CgroupInet4Getsockname,
        ) => &ADDR_V4,
        Some(
            CgroupInet6Bind
            | CgroupInet6Connect
            | CgroupUdp6Recvmsg
            | CgroupInet6Getpeername
            | CgroupInet6Getsockname,
        ) => &ADDR_V6,
        Some(CgroupUdp4Sendmsg) => &ADDR_SEND4,
        Some(CgroupUdp6Sendmsg) => &ADDR_SEND6,
        _ => &ADDR_UNIX,
    };
    Context {
        name: "bpf_sock_addr",
        guest_size: 72,
        shape: Shape::Fields(fields),
    }
}

const GET: u32 = 1;
const SET: u32 = 2;

#[rustfmt::skip]
const SOCKOPT_ROWS: [Row; 7] = [
    pointer("sk", 0, Sock(Full)),
    pointer("optval", 8, PacketData),
    pointer("optval_end", 16, PacketEnd),
    num("level", 24, 4, Whole).writers(SET, Whole),
    num("optname", 28, 4, Whole).writers(SET, Whole),
    num("optlen", 32, 4, Whole).writers(GET | SET, Whole),
    num("retval", 36, 4, Whole).readers(GET).writers(GET, Whole),
];
static SOCKOPT_GET: [Field; 7] = select(&SOCKOPT_ROWS, GET);
static SOCKOPT_SET: [Field; 7] = select(&SOCKOPT_ROWS, SET);

/// `bpf_sockopt`.
pub(super) fn sockopt(attach_type: Option<AttachType>) -> Context {
    let fields = match attach_type {
        Some(CgroupGetsockopt) => &SOCKOPT_GET,
        _ => &SOCKOPT_SET,
    };
    Context {
        name: "bpf_sockopt",
        guest_size: 40,
        shape: Shape::Fields(fields),
    }
}

const SYSCTL_ROWS: [Row; 2] = [
    num("write", 0, 4, Narrow),
    num("file_pos", 4, 4, Narrow).writers(1, Whole),
];
static SYSCTL: [Field; 2] = select(&SYSCTL_ROWS, 1);

/// `bpf_sysctl`.
pub(super) fn sysctl() -> Context {
    Context {
        name: "bpf_sysctl",
        guest_size: 8,
        shape: Shape::Fields(&SYSCTL),
    }
}

const DEVICE_ROWS: [Row; 3] = [
    num("access_type", 0, 4, Narrow),
    num("major", 4, 4, Whole),
    num("minor", 8, 4, Whole),
];
static DEVICE: [Field; 3] = select(&DEVICE_ROWS, 1);

/// `bpf_cgroup_dev_ctx`.
pub(super) fn device() -> Context {
    Context {
        name: "bpf_cgroup_dev_ctx",
        guest_size: 12,
        shape: Shape::Fields(&DEVICE),
    }
}
