//! The contexts that are packets: `__sk_buff`, as each program type may see it, and `xdp_md`.
//!
//! The kernel's words for these rules are `*_is_valid_access` in net/core/filter.c, 6.12.

use super::FieldAccess::{Narrow, Whole};
use super::FieldKind::{FlowKeys, PacketData, PacketEnd, PacketMeta, SockOrNull};
use super::SockView::Common;
use super::row::{Row, num, pointer, select, slot};
use super::{Context, Field, Shape, guest};
use crate::abi::{AttachType, ProgType};

/// Traffic control: `sched_cls` and `sched_act`.
const TC: u32 = 1;
const CGROUP: u32 = 2;
const SOCKET: u32 = 4;
const LWT: u32 = 8;
const SK_SKB: u32 = 16;
const FLOW: u32 = 32;
/// All but the flow dissector.
const MOST: u32 = TC | CGROUP | SOCKET | LWT | SK_SKB;

const fn word(name: &'static str, off: u32) -> Row {
    num(name, off, 4, Narrow).readers(MOST)
}

/// A part of the socket's address, of packets that have a socket.
const fn address(name: &'static str, off: u32) -> Row {
    num(name, off, 4, Whole).readers(CGROUP | SK_SKB)
}

#[rustfmt::skip]
const ROWS: [Row; 40] = [
    word("len", 0),
    word("pkt_type", 4),
    word("mark", 8).readers(MOST & !SK_SKB).writers(TC | CGROUP | LWT, Whole),
    word("queue_mapping", 12).writers(TC, Whole),
    word("protocol", 16),
    word("vlan_present", 20),
    word("vlan_tci", 24),
    word("vlan_proto", 28),
    word("priority", 32).writers(TC | CGROUP | LWT | SK_SKB, Whole),
    word("ingress_ifindex", 36),
    word("ifindex", 40),
    word("tc_index", 44).writers(TC | SK_SKB, Whole),
    num("cb", 48, 20, Narrow).readers(MOST).writers(TC | CGROUP | SOCKET | LWT, Narrow),
    word("hash", 68),
    word("tc_classid", 72).readers(TC).writers(TC, Whole),
    slot("data", 76, PacketData, guest::SKB_DATA).readers(!SOCKET),
    slot("data_end", 80, PacketEnd, guest::SKB_DATA_END).readers(!SOCKET),
    word("napi_id", 84),
    word("family", 88).readers(CGROUP | SK_SKB),
    address("remote_ip4", 92),
    address("local_ip4", 96),
    address("remote_ip6[0]", 100),
    address("remote_ip6[1]", 104),
    address("remote_ip6[2]", 108),
    address("remote_ip6[3]", 112),
    address("local_ip6[0]", 116),
    address("local_ip6[1]", 120),
    address("local_ip6[2]", 124),
    address("local_ip6[3]", 128),
    word("remote_port", 132).readers(CGROUP | SK_SKB),
    word("local_port", 136).readers(CGROUP | SK_SKB),
    slot("data_meta", 140, PacketMeta, guest::SKB_DATA_META).readers(TC),
    pointer("flow_keys", 144, FlowKeys).readers(FLOW),
    num("tstamp", 152, 8, Whole).readers(TC | CGROUP).writers(TC | CGROUP, Whole),
    word("wire_len", 160).readers(TC),
    word("gso_segs", 164),
    pointer("sk", 168, SockOrNull(Common)).readers(MOST),
    word("gso_size", 176),
    num("tstamp_type", 180, 1, Whole).readers(TC),
    num("hwtstamp", 184, 8, Whole).readers(TC | CGROUP),
];

static TC_FIELDS: [Field; 40] = select(&ROWS, TC);
static CGROUP_FIELDS: [Field; 40] = select(&ROWS, CGROUP);
static SOCKET_FIELDS: [Field; 40] = select(&ROWS, SOCKET);
static LWT_FIELDS: [Field; 40] = select(&ROWS, LWT);
static SK_SKB_FIELDS: [Field; 40] = select(&ROWS, SK_SKB);
static FLOW_FIELDS: [Field; 40] = select(&ROWS, FLOW);

/// `__sk_buff` as programs of that type see it.
pub(super) fn context(prog_type: ProgType) -> Context {
    let fields: &'static [Field] = match prog_type {
        ProgType::SchedCls | ProgType::SchedAct => &TC_FIELDS,
        ProgType::CgroupSkb => &CGROUP_FIELDS,
        ProgType::LwtIn | ProgType::LwtOut | ProgType::LwtXmit | ProgType::LwtSeg6local => {
            &LWT_FIELDS
        }
        ProgType::SkSkb => &SK_SKB_FIELDS,
        ProgType::FlowDissector => &FLOW_FIELDS,
        // Only these types come here (`of_attached`); the last one sees the least.
        _ => &SOCKET_FIELDS,
    };
    Context {
        name: "__sk_buff",
        guest_size: guest::SKB_SIZE,
        shape: Shape::Fields(fields),
    }
}

/// Programs on a devmap entry, which know where the packet leaves.
const DEVMAP: u32 = 1;
/// All others.
const DEVICE: u32 = 2;

#[rustfmt::skip]
const XDP_ROWS: [Row; 6] = [
    slot("data", 0, PacketData, guest::XDP_DATA),
    slot("data_end", 4, PacketEnd, guest::XDP_DATA_END),
    slot("data_meta", 8, PacketMeta, guest::XDP_DATA_META),
    num("ingress_ifindex", 12, 4, Whole),
    num("rx_queue_index", 16, 4, Whole),
    num("egress_ifindex", 20, 4, Whole).readers(DEVMAP),
];

static XDP_FIELDS: [Field; 6] = select(&XDP_ROWS, DEVICE);
static DEVMAP_FIELDS: [Field; 6] = select(&XDP_ROWS, DEVMAP);

/// `xdp_md`.
pub(super) fn xdp(attach_type: Option<AttachType>) -> Context {
    let fields = match attach_type {
        Some(AttachType::XdpDevmap) => &DEVMAP_FIELDS,
        _ => &XDP_FIELDS,
    };
    Context {
        name: "xdp_md",
        guest_size: guest::XDP_SIZE,
        shape: Shape::Fields(fields),
    }
}
