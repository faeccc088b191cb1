//! The socket that a packet belongs to, and what helpers tell of it.

use crate::helpers::{Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, ROOT_CGROUP, socket};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(33, "bpf_skb_under_cgroup", skb_under_cgroup),
    Entry::new(46, "bpf_get_socket_cookie", get_socket_cookie),
    Entry::new(47, "bpf_get_socket_uid", get_socket_uid),
    Entry::new(79, "bpf_skb_cgroup_id", skb_cgroup_id),
    Entry::new(83, "bpf_skb_ancestor_cgroup_id", skb_ancestor_cgroup_id),
    Entry::new(95, "bpf_sk_fullsock", sk_fullsock),
    Entry::new(96, "bpf_tcp_sock", tcp_sock),
    Entry::new(98, "bpf_get_listener_sock", get_listener_sock),
    Entry::new(128, "bpf_sk_cgroup_id", sk_cgroup_id),
    Entry::new(129, "bpf_sk_ancestor_cgroup_id", sk_ancestor_cgroup_id),
];

/// Offset of `sk` in `struct __sk_buff`.
const SK: u32 = 168;
/// The user that stands for none (`overflowuid`).
const OVERFLOW_UID: u64 = 65534;
const SOCK_STREAM: u64 = 1;
const IPPROTO_TCP: u64 = 6;
/// States of sockets that are not full: `TCP_TIME_WAIT` and `TCP_NEW_SYN_RECV`.
const NOT_FULL: [u64; 2] = [6, 12];
const TCP_LISTEN: u64 = 10;

impl Call<'_> {
    /// The socket of the packet, if it has one; a run without an skb has none.
    fn packet_socket(&self) -> Option<Addr> {
        let skb = self.skb().ok()?;
        let sk = Addr(skb.field(self.memory(), SK, Size::DW));
        Some(sk).filter(|sk| !sk.is_null())
    }

    fn socket_field(&self, sk: Addr, off: u64) -> Result<u64, HelperError> {
        Ok(self
            .memory()
            .peek_uint(sk.offset(off.cast_signed()), Size::W)?)
    }

    fn is_full(&self, sk: Addr) -> Result<bool, HelperError> {
        Ok(!NOT_FULL.contains(&self.socket_field(sk, socket::STATE)?))
    }
}

/// `u64 bpf_get_socket_cookie(void *ctx)`
fn get_socket_cookie(call: &mut Call<'_>) -> Reply {
    let holder = call
        .packet_socket()
        .and_then(|sk| call.world.machine.holders.get(sk));
    Ok(holder.map_or(0, |holder| holder.number))
}

/// `u32 bpf_get_socket_uid(struct sk_buff *skb)`
fn get_socket_uid(call: &mut Call<'_>) -> Reply {
    match call.packet_socket() {
        Some(sk) => call.socket_field(sk, socket::UID),
        None => Ok(OVERFLOW_UID),
    }
}

/// `struct bpf_sock *bpf_sk_fullsock(struct bpf_sock *sk)`
fn sk_fullsock(call: &mut Call<'_>) -> Reply {
    let sk = Addr(call.args[0]);
    Ok(if call.is_full(sk)? { sk.0 } else { 0 })
}

/// `struct bpf_tcp_sock *bpf_tcp_sock(struct bpf_sock *sk)`
fn tcp_sock(call: &mut Call<'_>) -> Reply {
    let sk = Addr(call.args[0]);
    let kind = call.socket_field(sk, socket::TYPE)?;
    let protocol = call.socket_field(sk, socket::PROTOCOL)?;
    match (kind, protocol) {
        (SOCK_STREAM, IPPROTO_TCP) if call.is_full(sk)? => {
            Ok(sk.offset(socket::TCP.cast_signed()).0)
        }
        _ => Ok(0),
    }
}

/// `struct bpf_sock *bpf_get_listener_sock(struct bpf_sock *sk)`
fn get_listener_sock(call: &mut Call<'_>) -> Reply {
    let sk = Addr(call.args[0]);
    let state = call.socket_field(sk, socket::STATE)?;
    Ok(if state == TCP_LISTEN { sk.0 } else { 0 })
}

/// `u64 bpf_skb_cgroup_id(struct sk_buff *skb)`: sockets are the current task's.
fn skb_cgroup_id(call: &mut Call<'_>) -> Reply {
    let own = call.world.task.cgroup_id;
    Ok(call.packet_socket().map_or(0, |_| own))
}

/// `u64 bpf_skb_ancestor_cgroup_id(struct sk_buff *skb, int ancestor_level)`
fn skb_ancestor_cgroup_id(call: &mut Call<'_>) -> Reply {
    let found = call.packet_socket().is_some();
    Ok(if found { ancestor(call) } else { 0 })
}

/// `u64 bpf_sk_cgroup_id(void *sk)`
fn sk_cgroup_id(call: &mut Call<'_>) -> Reply {
    let null = call.args[0] == 0;
    Ok(if null { 0 } else { call.world.task.cgroup_id })
}

/// `u64 bpf_sk_ancestor_cgroup_id(void *sk, int ancestor_level)`
fn sk_ancestor_cgroup_id(call: &mut Call<'_>) -> Reply {
    let null = call.args[0] == 0;
    Ok(if null { 0 } else { ancestor(call) })
}

/// The cgroup at a level: every cgroup but the root is one level below it.
fn ancestor(call: &Call<'_>) -> u64 {
    let own = call.world.task.cgroup_id;
    match call.args[1] as u32 {
        0 => ROOT_CGROUP,
        1 if own != ROOT_CGROUP => own,
        _ => 0,
    }
}

/// `long bpf_skb_under_cgroup(struct sk_buff *skb, struct bpf_map *map, u32 index)`
fn skb_under_cgroup(call: &mut Call<'_>) -> Reply {
    let [_, map, index, ..] = call.args;
    let map = call.map(map)?;
    let cgroups = map
        .cgroups()
        .ok_or(HelperError::Refused("the map has no cgroups"))?;
    let under = match call.packet_socket() {
        Some(_) => cgroups.is_under(index as u32, call.world.task.cgroup_id),
        None => Err(Errno::ENOENT),
    };
    Ok(under.map_or_else(Errno::as_return, u64::from))
}
