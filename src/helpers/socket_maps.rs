//! Maps of sockets, as programs on streams and messages use them: where data goes on, and which socket of
//! a port gets it.

use super::map::status;
use super::packet::Way;
use super::sockets::field_at;
use super::{Call, Entry, HelperError, Redirect, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, OpenSocket, Protocol};
use crate::maps::SocketMap;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(52, "bpf_sk_redirect_map", redirect_by_index),
    Entry::new(53, "bpf_sock_map_update", update),
    Entry::new(60, "bpf_msg_redirect_map", redirect_by_index),
    Entry::new(70, "bpf_sock_hash_update", update),
    Entry::new(71, "bpf_msg_redirect_hash", redirect_by_key),
    Entry::new(72, "bpf_sk_redirect_hash", redirect_by_key),
    Entry::new(82, "bpf_sk_select_reuseport", select_reuseport),
];

/// What becomes of data that finds no socket, and of data that finds one.
const SK_DROP: u64 = 0;
const SK_PASS: u64 = 1;
/// `BPF_F_INGRESS`: as if the socket received it.
const INGRESS: u64 = 1;

/// `long bpf_sk_redirect_map(struct sk_buff *skb, struct bpf_map *map, u32 key, u64 flags)`, and the
/// same of messages.
fn redirect_by_index(call: &mut Call<'_>) -> Reply {
    let key = (call.args[2] as u32).to_le_bytes();
    let found = sockets(call)?.socket(&key);
    Ok(redirect(call, found))
}

/// `long bpf_sk_redirect_hash(struct sk_buff *skb, struct bpf_map *map, void *key, u64 flags)`, and the
/// same of messages.
fn redirect_by_key(call: &mut Call<'_>) -> Reply {
    let key = key(call)?;
    let found = sockets(call)?.socket(&key);
    Ok(redirect(call, found))
}

fn redirect(call: &mut Call<'_>, socket: Option<OpenSocket>) -> u64 {
    let flags = call.args[3];
    let allowed = socket.filter(|socket| flags & !INGRESS == 0 && has_stream(socket));
    let Some(socket) = allowed else {
        return SK_DROP;
    };
    call.state().redirect = Some(Redirect::Stream {
        cookie: socket.cookie,
        way: match flags & INGRESS {
            0 => Way::Egress,
            _ => Way::Ingress,
        },
    });
    SK_PASS
}

/// Whether data may be sent to a socket: nobody is at the other end of one that listens
/// (`sock_map_redirect_allowed` in net/core/sock_map.c, 6.12).
fn has_stream(socket: &OpenSocket) -> bool {
    socket.spec.remote.is_some()
}

/// `long bpf_sock_map_update(struct bpf_sock_ops *skops, struct bpf_map *map, void *key, u64 flags)`, and the
/// same of a hash: of a connection that was made, or of a socket that listens.
fn update(call: &mut Call<'_>) -> Reply {
    /// `BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB`, `…_PASSIVE_ESTABLISHED_CB`, `…_TCP_LISTEN_CB`.
    const OPERATIONS: [u64; 3] = [4, 5, 11];
    let [ctx, _, _, flags, _] = call.args;
    let operation = call.memory().peek_uint(Addr(ctx), Size::W)?;
    let socket = call.context_socket()?;
    let Some(socket) = socket.filter(|_| OPERATIONS.contains(&operation)) else {
        return Ok(Errno::EOPNOTSUPP.as_return());
    };
    let key = key(call)?;
    Ok(status(sockets(call)?.put(&key, socket, flags)))
}

/// `long bpf_sk_select_reuseport(struct sk_reuseport_md *reuse, struct bpf_map *map, void *key, u64 flags)`: flags mean
/// nothing.
fn select_reuseport(call: &mut Call<'_>) -> Reply {
    let key = key(call)?;
    let Some(selected) = sockets(call)?.socket(&key) else {
        return Ok(Errno::ENOENT.as_return());
    };
    if let Err(errno) = shares_port(call, &selected)? {
        return Ok(errno.as_return());
    }
    call.state().redirect = Some(Redirect::Stream {
        cookie: selected.cookie,
        way: Way::Ingress,
    });
    Ok(0)
}

/// Whether a socket is bound to the same as the one that the packet is for, as far as the event says which that is: of
/// which protocol it is.
fn shares_port(call: &Call<'_>, selected: &OpenSocket) -> Result<Result<(), Errno>, HelperError> {
    let place = Addr(call.args[0]).offset(field_at(call.world.prog_type, "ip_protocol"));
    let protocol = call.memory().peek_uint(place, Size::W)?;
    let own = call.context_socket()?;
    let own = own.and_then(|at| call.world.machine.sockets.at(at));
    let number = |protocol| match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    };
    let Some(own) = own.filter(|own| protocol == number(own.spec.protocol)) else {
        return Ok(Ok(()));
    };
    let (own, other) = (own.spec, selected.spec);
    Ok(match own.local == other.local {
        _ if own.protocol != other.protocol => Err(Errno::EPROTOTYPE),
        _ if own.local.is_ipv4() != other.local.is_ipv4() => Err(Errno::EAFNOSUPPORT),
        false => Err(Errno::EBADFD),
        true => Ok(()),
    })
}

fn key(call: &Call<'_>) -> Result<Vec<u8>, HelperError> {
    let [_, map, key, ..] = call.args;
    let size = call.map(map)?.spec.key_size;
    Ok(call.memory().read_vec(Addr(key), size)?)
}

fn sockets<'a>(call: &Call<'a>) -> Result<&'a SocketMap, HelperError> {
    let sockets = call.map(call.args[1])?.sockets();
    sockets.ok_or(HelperError::Refused("the map has no sockets"))
}
