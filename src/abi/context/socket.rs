//! The contexts of programs on sockets outside of control groups: socket operations, messages,
//! the choice among sockets of a port, the lookup of a socket.
//!
//! Their pointers are 64 bits wide in the user-visible structures, so these need no guest slots.

use super::FieldAccess::{AtLeast, Narrow, Prefix, Whole};
use super::FieldKind::{PacketData, PacketEnd, Sock, SockOrNull};
use super::SockView::{Common, Full};
use super::row::{Row, num, pointer, select};
use super::{Context, Field, Shape};

#[rustfmt::skip]
const SOCK_OPS_ROWS: [Row; 50] = [
    num("op", 0, 4, Whole),
    num("args[0]", 4, 4, Whole).writers(1, Whole),
    num("args[1]", 8, 4, Whole),
    num("args[2]", 12, 4, Whole),
    num("args[3]", 16, 4, Whole),
    num("family", 20, 4, Whole),
    num("remote_ip4", 24, 4, Whole),
    num("local_ip4", 28, 4, Whole),
    num("remote_ip6[0]", 32, 4, Whole),
    num("remote_ip6[1]", 36, 4, Whole),
    num("remote_ip6[2]", 40, 4, Whole),
    num("remote_ip6[3]", 44, 4, Whole),
    num("local_ip6[0]", 48, 4, Whole),
    num("local_ip6[1]", 52, 4, Whole),
    num("local_ip6[2]", 56, 4, Whole),
    num("local_ip6[3]", 60, 4, Whole),
    num("remote_port", 64, 4, Whole),
    num("local_port", 68, 4, Whole),
    num("is_fullsock", 72, 4, Whole),
    num("snd_cwnd", 76, 4, Whole),
    num("srtt_us", 80, 4, Whole),
    num("bpf_sock_ops_cb_flags", 84, 4, Whole),
    num("state", 88, 4, Whole),
    num("rtt_min", 92, 4, Whole),
    num("snd_ssthresh", 96, 4, Whole),
    num("rcv_nxt", 100, 4, Whole),
    num("snd_nxt", 104, 4, Whole),
    num("snd_una", 108, 4, Whole),
    num("mss_cache", 112, 4, Whole),
    num("ecn_flags", 116, 4, Whole),
    num("rate_delivered", 120, 4, Whole),
    num("rate_interval_us", 124, 4, Whole),
    num("packets_out", 128, 4, Whole),
    num("retrans_out", 132, 4, Whole),
    num("total_retrans", 136, 4, Whole),
    num("segs_in", 140, 4, Whole),
    num("data_segs_in", 144, 4, Whole),
    num("segs_out", 148, 4, Whole),
    num("data_segs_out", 152, 4, Whole),
    num("lost_out", 156, 4, Whole),
    num("sacked_out", 160, 4, Whole),
    num("sk_txhash", 164, 4, Whole).writers(1, Whole),
    num("bytes_received", 168, 8, Whole),
    num("bytes_acked", 176, 8, Whole),
    pointer("sk", 184, SockOrNull(Full)),
    pointer("skb_data", 192, PacketData),
    pointer("skb_data_end", 200, PacketEnd),
    num("skb_len", 208, 4, Whole),
    num("skb_tcp_flags", 212, 4, Prefix),
    num("skb_hwtstamp", 216, 8, Whole),
];
static SOCK_OPS: [Field; 50] = select(&SOCK_OPS_ROWS, 1);

/// `bpf_sock_ops`.
pub(super) fn sock_ops() -> Context {
    Context {
        name: "bpf_sock_ops",
        guest_size: 224,
        shape: Shape::Fields(&SOCK_OPS),
    }
}

#[rustfmt::skip]
const SK_MSG_ROWS: [Row; 17] = [
    pointer("data", 0, PacketData),
    pointer("data_end", 8, PacketEnd),
    num("family", 16, 4, Whole),
    num("remote_ip4", 20, 4, Whole),
    num("local_ip4", 24, 4, Whole),
    num("remote_ip6[0]", 28, 4, Whole),
    num("remote_ip6[1]", 32, 4, Whole),
    num("remote_ip6[2]", 36, 4, Whole),
    num("remote_ip6[3]", 40, 4, Whole),
    num("local_ip6[0]", 44, 4, Whole),
    num("local_ip6[1]", 48, 4, Whole),
    num("local_ip6[2]", 52, 4, Whole),
    num("local_ip6[3]", 56, 4, Whole),
    num("remote_port", 60, 4, Whole),
    num("local_port", 64, 4, Whole),
    num("size", 68, 4, Whole),
    pointer("sk", 72, Sock(Full)),
];
static SK_MSG: [Field; 17] = select(&SK_MSG_ROWS, 1);

/// `sk_msg_md`.
pub(super) fn sk_msg() -> Context {
    Context {
        name: "sk_msg_md",
        guest_size: 80,
        shape: Shape::Fields(&SK_MSG),
    }
}

#[rustfmt::skip]
const SK_REUSEPORT_ROWS: [Row; 9] = [
    pointer("data", 0, PacketData),
    pointer("data_end", 8, PacketEnd),
    num("len", 16, 4, Narrow),
    // The kernel holds the protocol in 16 bits and allows those as a part.
    num("eth_protocol", 20, 4, AtLeast(2)),
    num("ip_protocol", 24, 4, Narrow),
    num("bind_inany", 28, 4, Narrow),
    num("hash", 32, 4, Whole),
    pointer("sk", 40, Sock(Full)),
    pointer("migrating_sk", 48, SockOrNull(Common)),
];
static SK_REUSEPORT: [Field; 9] = select(&SK_REUSEPORT_ROWS, 1);

/// `sk_reuseport_md`.
pub(super) fn sk_reuseport() -> Context {
    Context {
        name: "sk_reuseport_md",
        guest_size: 56,
        shape: Shape::Fields(&SK_REUSEPORT),
    }
}

#[rustfmt::skip]
const SK_LOOKUP_ROWS: [Row; 16] = [
    pointer("sk", 0, SockOrNull(Full)),
    num("family", 8, 4, Narrow),
    num("protocol", 12, 4, Narrow),
    num("remote_ip4", 16, 4, Narrow),
    num("remote_ip6[0]", 20, 4, Narrow),
    num("remote_ip6[1]", 24, 4, Narrow),
    num("remote_ip6[2]", 28, 4, Narrow),
    num("remote_ip6[3]", 32, 4, Narrow),
    num("remote_port", 36, 4, Narrow),
    num("local_ip4", 40, 4, Narrow),
    num("local_ip6[0]", 44, 4, Narrow),
    num("local_ip6[1]", 48, 4, Narrow),
    num("local_ip6[2]", 52, 4, Narrow),
    num("local_ip6[3]", 56, 4, Narrow),
    num("local_port", 60, 4, Narrow),
    num("ingress_ifindex", 64, 4, Narrow),
];
static SK_LOOKUP: [Field; 16] = select(&SK_LOOKUP_ROWS, 1);

/// `bpf_sk_lookup`.
pub(super) fn sk_lookup() -> Context {
    Context {
        name: "bpf_sk_lookup",
        guest_size: 72,
        shape: Shape::Fields(&SK_LOOKUP),
    }
}
