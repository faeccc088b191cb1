//! Where a socket's fields lie in guest memory: those of `struct bpf_sock`, as programs read them, and
//! behind them what only helpers know.

/// Bytes of a socket.
pub const LEN: u64 = 88;
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
