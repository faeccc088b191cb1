//! The structures that stand for a socket behind a pointer, and which of their fields may be read.
//!
//! None may be written. A socket in the kernel is not what programs see: the verifier translates
//! these fields (`bpf_sock_is_valid_access` and its like in net/core/filter.c, 6.12).

use super::FieldAccess::Whole;
use super::row::{Row, num, select};
use super::{Access, Field, cgroup};

/// What a pointer to a socket promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SockView {
    /// Any socket, request and time-wait ones too (`PTR_TO_SOCK_COMMON`).
    Common,
    /// A full socket (`PTR_TO_SOCKET`).
    Full,
    /// A TCP socket (`PTR_TO_TCP_SOCK`).
    Tcp,
    /// An AF_XDP socket (`PTR_TO_XDP_SOCK`).
    Xdp,
}

#[rustfmt::skip]
const TCP_ROWS: [Row; 26] = [
    num("snd_cwnd", 0, 4, Whole),
    num("srtt_us", 4, 4, Whole),
    num("rtt_min", 8, 4, Whole),
    num("snd_ssthresh", 12, 4, Whole),
    num("rcv_nxt", 16, 4, Whole),
    num("snd_nxt", 20, 4, Whole),
    num("snd_una", 24, 4, Whole),
    num("mss_cache", 28, 4, Whole),
    num("ecn_flags", 32, 4, Whole),
    num("rate_delivered", 36, 4, Whole),
    num("rate_interval_us", 40, 4, Whole),
    num("packets_out", 44, 4, Whole),
    num("retrans_out", 48, 4, Whole),
    num("total_retrans", 52, 4, Whole),
    num("segs_in", 56, 4, Whole),
    num("data_segs_in", 60, 4, Whole),
    num("segs_out", 64, 4, Whole),
    num("data_segs_out", 68, 4, Whole),
    num("lost_out", 72, 4, Whole),
    num("sacked_out", 76, 4, Whole),
    num("bytes_received", 80, 8, Whole),
    num("bytes_acked", 88, 8, Whole),
    num("dsack_dups", 96, 4, Whole),
    num("delivered", 100, 4, Whole),
    num("delivered_ce", 104, 4, Whole),
    num("icsk_retransmits", 108, 4, Whole),
];
static TCP: [Field; 26] = select(&TCP_ROWS, 1);

const XDP_ROWS: [Row; 1] = [num("queue_id", 0, 4, Whole)];
static XDP: [Field; 1] = select(&XDP_ROWS, 1);

impl SockView {
    /// The kernel's name of such a pointer.
    pub fn name(self) -> &'static str {
        match self {
            SockView::Common => "sock_common",
            SockView::Full => "sock",
            SockView::Tcp => "tcp_sock",
            SockView::Xdp => "xdp_sock",
        }
    }

    /// Whether `size` bytes at `off` may be read.
    pub fn may_read(self, off: i64, size: u32) -> bool {
        let fields: &[Field] = match self {
            SockView::Common => &cgroup::SOCK_COMMON,
            SockView::Full => &cgroup::SOCK_FULL,
            SockView::Tcp => &TCP,
            SockView::Xdp => &XDP,
        };
        let Ok(off) = u32::try_from(off) else {
            return false;
        };
        fields
            .iter()
            .any(|field| field.hit(off, size, Access::Read).is_some())
    }
}
