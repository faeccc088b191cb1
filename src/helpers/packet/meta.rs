//! What is known of an skb beside its bytes: type and hash.

use super::frame::Field;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::Errno;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(32, "bpf_skb_change_type", skb_change_type),
    Entry::new(34, "bpf_get_hash_recalc", get_hash_recalc),
    Entry::new(41, "bpf_set_hash_invalid", set_hash_invalid),
    Entry::new(48, "bpf_set_hash", set_hash),
    Entry::new(122, "bpf_get_netns_cookie", get_netns_cookie),
];

/// Highest packet type that a program may set (`PACKET_OTHERHOST`).
const OTHERHOST: u32 = 3;

/// The cookie of the initial network namespace.
const INITIAL_NETNS: u64 = 1;

/// `long bpf_skb_change_type(struct sk_buff *skb, u32 type)`
fn skb_change_type(call: &mut Call<'_>) -> Reply {
    let (skb, wanted) = (call.skb()?, call.args[1] as u32);
    let old = Field::PacketType.get(skb, call.memory());
    if wanted > OTHERHOST || old > OTHERHOST {
        return Ok(Errno::EINVAL.as_return());
    }
    Field::PacketType.set(skb, call.memory(), wanted);
    Ok(0)
}

/// `u32 bpf_get_hash_recalc(struct sk_buff *skb)`: a hash that depends on the bytes alone; its
/// values are not the kernel's, which depend on a secret.
fn get_hash_recalc(call: &mut Call<'_>) -> Reply {
    let (skb, memory) = (call.skb()?, call.memory());
    let known = Field::Hash.get(skb, memory);
    if known != 0 {
        return Ok(u64::from(known));
    }
    // The addresses and ports of most packets lie in their first bytes.
    let bytes = memory.peek_vec(skb.data(), skb.len().min(64))?;
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    Field::Hash.set(skb, memory, hash.max(1));
    Ok(u64::from(hash.max(1)))
}

/// `void bpf_set_hash_invalid(struct sk_buff *skb)`
fn set_hash_invalid(call: &mut Call<'_>) -> Reply {
    Field::Hash.set(call.skb()?, call.memory(), 0);
    Ok(0)
}

/// `long bpf_set_hash(struct sk_buff *skb, u32 hash)`
fn set_hash(call: &mut Call<'_>) -> Reply {
    Field::Hash.set(call.skb()?, call.memory(), call.args[1] as u32);
    Ok(0)
}

/// `u64 bpf_get_netns_cookie(void *ctx)`
fn get_netns_cookie(_call: &mut Call<'_>) -> Reply {
    Ok(INITIAL_NETNS)
}
