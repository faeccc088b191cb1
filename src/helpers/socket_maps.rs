//! Maps of sockets, as programs on streams and messages use them. The machine has no sockets to put
//! in, so that nothing is ever found.

use super::{Call, Entry, HelperError, Reply};
use crate::machine::Errno;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(52, "bpf_sk_redirect_map", redirect),
    Entry::new(60, "bpf_msg_redirect_map", redirect),
    Entry::new(71, "bpf_msg_redirect_hash", redirect),
    Entry::new(72, "bpf_sk_redirect_hash", redirect),
    Entry::new(82, "bpf_sk_select_reuseport", select_reuseport),
];

/// What becomes of data that finds no socket.
const SK_DROP: u64 = 0;

/// `long bpf_sk_redirect_map(struct sk_buff *skb, struct bpf_map *map, u32 key, u64 flags)`, and the
/// same of messages and by keys.
fn redirect(call: &mut Call<'_>) -> Reply {
    check(call)?;
    Ok(SK_DROP)
}

/// `long bpf_sk_select_reuseport(struct sk_reuseport_md *reuse, struct bpf_map *map, void *key, u64 flags)`
fn select_reuseport(call: &mut Call<'_>) -> Reply {
    check(call)?;
    let errno = match call.args[3] {
        0 => Errno::ENOENT,
        _ => Errno::EINVAL,
    };
    Ok(errno.as_return())
}

fn check(call: &Call<'_>) -> Result<(), HelperError> {
    let sockets = call.map(call.args[1])?.sockets();
    sockets
        .map(|_| ())
        .ok_or(HelperError::Refused("the map has no sockets"))
}
