//! Maps of sockets, as programs on streams and messages use them: where data goes on, and which socket of
//! a port gets it.

use super::map::status;
use super::packet::Way;
use super::{Call, Entry, HelperError, Redirect, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno, OpenSocket};
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
    let Some(socket) = socket.filter(|_| flags & !INGRESS == 0) else {
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

/// `long bpf_sk_select_reuseport(struct sk_reuseport_md *reuse, struct bpf_map *map, void *key, u64 flags)`
fn select_reuseport(call: &mut Call<'_>) -> Reply {
    let key = key(call)?;
    let found = sockets(call)?.socket(&key);
    let selected = match (call.args[3], found) {
        (0, Some(socket)) => {
            call.state().redirect = Some(Redirect::Stream {
                cookie: socket.cookie,
                way: Way::Ingress,
            });
            Ok(())
        }
        (0, None) => Err(Errno::ENOENT),
        _ => Err(Errno::EINVAL),
    };
    Ok(status(selected))
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
