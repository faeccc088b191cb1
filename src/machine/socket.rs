//! Where a socket's fields lie in guest memory: those of `struct bpf_sock`, as programs read them, and
//! behind them what only helpers know. And the families of addresses.

/// Local sockets, by path.
pub const AF_UNIX: u64 = 1;
/// IPv4.
pub const AF_INET: u64 = 2;
/// IPv6.
pub const AF_INET6: u64 = 10;
/// Bytes of a socket.
pub const LEN: u64 = TCP + TCP_LEN;
/// `family`.
pub const FAMILY: u64 = 4;
/// `type`.
pub const TYPE: u64 = 8;
/// `protocol`.
pub const PROTOCOL: u64 = 12;
/// `src_ip4`, in network order.
pub const SRC_IP4: u64 = 24;
/// `src_ip6`, in network order.
pub const SRC_IP6: u64 = 28;
/// `src_port`.
pub const SRC_PORT: u64 = 44;
/// `dst_port`, 2 bytes in network order.
pub const DST_PORT: u64 = 48;
/// `dst_ip4`, in network order.
pub const DST_IP4: u64 = 52;
/// `dst_ip6`, in network order.
pub const DST_IP6: u64 = 56;
/// `state`.
pub const STATE: u64 = 72;
/// `rx_queue_mapping`.
pub const RX_QUEUE_MAPPING: u64 = 76;
/// The user it belongs to, which programs do not see.
pub const UID: u64 = 80;
/// Behind that, what TCP knows of a connection (`struct bpf_tcp_sock`).
pub const TCP: u64 = 88;
/// Its bytes.
const TCP_LEN: u64 = 112;
/// What a connection starts with, by place: a window of 10 segments (`snd_cwnd`), no round trip seen yet
/// (`rtt_min`), no threshold (`snd_ssthresh`), and segments of 1460 bytes (`mss_cache`).
pub const TCP_START: [(u64, u64); 4] = [(0, 10), (8, 0xffff_ffff), (12, 0x7fff_ffff), (28, 1460)];
/// The states that sockets are in (`TCP_ESTABLISHED`, `TCP_CLOSE`, `TCP_LISTEN`).
pub const ESTABLISHED: u64 = 1;
/// Not connected.
pub const CLOSE: u64 = 7;
/// Waiting for connections.
pub const LISTEN: u64 = 10;
