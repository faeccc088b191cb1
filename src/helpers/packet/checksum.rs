//! Internet checksums (RFC 1071), and how they follow a change (RFC 1624).
//!
//! Sums are 32 bits wide and in the order of memory: adding bytes as a little-endian machine loads
//! them gives the checksum's bytes in place.

use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Addr, Errno, Fault};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(10, "bpf_l3_csum_replace", l3_csum_replace),
    Entry::new(11, "bpf_l4_csum_replace", l4_csum_replace),
    Entry::new(28, "bpf_csum_diff", csum_diff),
    Entry::new(40, "bpf_csum_update", csum_update),
    Entry::new(135, "bpf_csum_level", csum_level),
];

/// The size of the changed field, 0 for a difference (`BPF_F_HDR_FIELD_MASK`).
const FIELD_MASK: u64 = 0xf;
/// `BPF_F_PSEUDO_HDR`: only matters where hardware finishes the checksum.
const PSEUDO_HEADER: u64 = 0x10;
/// `BPF_F_MARK_MANGLED_0`: 0 stands for no checksum, as in UDP.
const MARK_MANGLED_0: u64 = 0x20;
/// `BPF_F_MARK_ENFORCE`: changes a 0 nevertheless.
const MARK_ENFORCE: u64 = 0x40;
/// `BPF_F_IPV6`: only matters where hardware has summed the packet.
const IPV6: u64 = 0x80;

/// What stands for a checksum of 0 where 0 means none.
const MANGLED_0: u16 = 0xffff;

/// Most bytes that `bpf_csum_diff` takes of old and new together.
const MAX_DIFF: u64 = 512;

/// `long bpf_l3_csum_replace(struct sk_buff *skb, u32 offset, u64 from, u64 to, u64 size)`
fn l3_csum_replace(call: &mut Call<'_>) -> Reply {
    let flags = call.args[4];
    if flags & !FIELD_MASK != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    replace(call)
}

/// `long bpf_l4_csum_replace(struct sk_buff *skb, u32 offset, u64 from, u64 to, u64 flags)`
fn l4_csum_replace(call: &mut Call<'_>) -> Reply {
    let flags = call.args[4];
    if flags & !(FIELD_MASK | PSEUDO_HEADER | MARK_MANGLED_0 | MARK_ENFORCE | IPV6) != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    replace(call)
}

fn replace(call: &Call<'_>) -> Reply {
    let [_, off, from, to, flags] = call.args;
    let (skb, off) = (call.skb()?, off as u32);
    let mut bytes = [0; 2];
    if !off.is_multiple_of(2) || skb.load(call.memory(), off, &mut bytes).is_err() {
        return Ok(Errno::EFAULT.as_return());
    }
    let Some(change) = change(from, to, flags & FIELD_MASK) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let old = u16::from_le_bytes(bytes);
    let zero_means_none = flags & MARK_MANGLED_0 != 0;
    if zero_means_none && old == 0 && flags & MARK_ENFORCE == 0 {
        return Ok(0);
    }
    let new = match !fold(add(u32::from(!old), change)) {
        0 if zero_means_none => MANGLED_0,
        new => new,
    };
    Ok(status(skb.store(call.memory(), off, &new.to_le_bytes())))
}

/// What a change adds to the sum: a field of that size from one value to another, or a difference.
fn change(from: u64, to: u64, size: u64) -> Option<u32> {
    match size {
        0 if from == 0 => Some(to as u32),
        2 => Some(add(u32::from(!(from as u16)), u32::from(to as u16))),
        4 => Some(add(!(from as u32), to as u32)),
        _ => None,
    }
}

/// `s64 bpf_csum_diff(__be32 *from, u32 from_size, __be32 *to, u32 to_size, __wsum seed)`
fn csum_diff(call: &mut Call<'_>) -> Reply {
    let [from, from_size, to, to_size, seed] = call.args;
    let (from_size, to_size) = (from_size as u32, to_size as u32);
    let size = u64::from(from_size) + u64::from(to_size);
    if !from_size.is_multiple_of(4) || !to_size.is_multiple_of(4) || size > MAX_DIFF {
        return Ok(Errno::EINVAL.as_return());
    }
    let from = words(call, from, from_size)?;
    let to = words(call, to, to_size)?;
    let terms = from.into_iter().map(|word| !word).chain(to);
    Ok(u64::from(terms.fold(seed as u32, add)))
}

fn words(call: &Call<'_>, addr: u64, size: u32) -> Result<Vec<u32>, Fault> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let bytes = call.memory().read_vec(Addr(addr), size)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(words.iter().copied().map(u32::from_le_bytes).collect())
}

/// `s64 bpf_csum_update(struct sk_buff *skb, __wsum csum)`: no device of the machine sums packets.
fn csum_update(call: &mut Call<'_>) -> Reply {
    call.skb()?;
    Ok(Errno::ENOTSUPP.as_return())
}

/// `long bpf_csum_level(struct sk_buff *skb, u64 level)`: no checksum was ever verified by a device.
fn csum_level(call: &mut Call<'_>) -> Reply {
    /// `BPF_CSUM_LEVEL_QUERY`.
    const QUERY: u64 = 0;
    /// `BPF_CSUM_LEVEL_RESET`.
    const RESET: u64 = 3;
    call.skb()?;
    Ok(match call.args[1] {
        QUERY => Errno::EACCES.as_return(),
        1..=RESET => 0,
        _ => Errno::EINVAL.as_return(),
    })
}

/// Addition with the carry brought around.
fn add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(u32::from(carry))
}

/// The sum in 16 bits.
fn fold(sum: u32) -> u16 {
    let once = (sum & 0xffff) + (sum >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}
