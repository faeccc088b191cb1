//! Tunnels that a packet shall go through, and what it carries for them beside its bytes.
//!
//! No packet comes out of a tunnel here: what can be read is what a program set.

use crate::helpers::map::status;
use crate::helpers::{Call, Entry, Reply};
use crate::machine::{Addr, Errno, TunnelInfo};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(20, "bpf_skb_get_tunnel_key", get_tunnel_key),
    Entry::new(21, "bpf_skb_set_tunnel_key", set_tunnel_key),
    Entry::new(29, "bpf_skb_get_tunnel_opt", get_tunnel_opt),
    Entry::new(30, "bpf_skb_set_tunnel_opt", set_tunnel_opt),
    Entry::new(66, "bpf_skb_get_xfrm_state", get_xfrm_state),
];

/// `struct bpf_tunnel_key`: its size, and where its fields are.
mod key {
    pub(super) const SIZE: usize = 44;
    pub(super) const REMOTE: std::ops::Range<usize> = 4..20;
    /// Sizes of older forms: up to the end of an IPv4 address, the extension, the label and the
    /// local address.
    pub(super) const OLDER: [usize; 4] = [8, 22, 24, 28];
    pub(super) const EXTENSION: std::ops::Range<usize> = 22..24;
    pub(super) const LABEL: std::ops::Range<usize> = 24..28;
    pub(super) const LOCAL: std::ops::Range<usize> = 28..44;
}

/// `BPF_F_TUNINFO_IPV6`.
const IPV6: u64 = 1;
/// All flags of setting: IPv6, no checksum, no fragments, sequence number, no key.
const SET_FLAGS: u64 = 31;
/// `BPF_F_TUNINFO_FLAGS`, when reading.
const WITH_FLAGS: u64 = 16;
/// Most bytes of options (`IP_TUNNEL_OPTS_MAX`).
const MAX_OPTIONS: usize = 255;
/// The bits of a flow label.
const LABEL_MASK: u32 = 0x000f_ffff;

/// `long bpf_skb_set_tunnel_key(struct sk_buff *skb, struct bpf_tunnel_key *key, u32 size, u64 flags)`
fn set_tunnel_key(call: &mut Call<'_>) -> Reply {
    let [_, from, size, flags, _] = call.args;
    let (skb, size) = (call.skb()?, size as u32 as usize);
    if flags & !SET_FLAGS != 0 || (size != key::SIZE && !key::OLDER.contains(&size)) {
        return Ok(Errno::EINVAL.as_return());
    }
    let mut bytes = call.memory().read_vec(Addr(from), size as u32)?;
    bytes.resize(key::SIZE, 0);
    let is_zero = |part: std::ops::Range<usize>| {
        let part = bytes.get(part).unwrap_or_default();
        part.iter().all(|byte| *byte == 0)
    };
    if !is_zero(key::EXTENSION) || (flags & IPV6 == 0 && !is_zero(key::LABEL)) {
        return Ok(Errno::EINVAL.as_return());
    }
    let mut set = |at: std::ops::Range<usize>, value: &[u8]| {
        if let Some(part) = bytes.get_mut(at) {
            part.fill(0);
            part.iter_mut()
                .zip(value)
                .for_each(|(to, from)| *to = *from);
        }
    };
    if flags & IPV6 == 0 {
        // Only the first words are addresses.
        set(key::REMOTE.start + 4..key::REMOTE.end, &[]);
        set(key::LOCAL.start + 4..key::LOCAL.end, &[]);
    }
    let label = word(&bytes, key::LABEL.start) & LABEL_MASK;
    if let Some(part) = bytes.get_mut(key::LABEL) {
        part.copy_from_slice(&label.to_le_bytes());
    }
    skb.set_tunnel(TunnelInfo {
        key: bytes,
        is_ipv6: flags & IPV6 != 0,
        flags,
        options: None,
    });
    Ok(0)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}

/// `long bpf_skb_get_tunnel_key(struct sk_buff *skb, struct bpf_tunnel_key *key, u32 size, u64 flags)`:
/// as a receiver sees it, whose remote end is the sender's local one.
fn get_tunnel_key(call: &mut Call<'_>) -> Reply {
    let [_, to, size, flags, _] = call.args;
    let size = size as u32 as usize;
    call.check_room(to, size)?;
    let found = match call.skb()?.tunnel() {
        Some(info) => shown(&info, size, flags),
        None => Err(Errno::EINVAL),
    };
    let (mut bytes, reply) = match found {
        Ok(bytes) => (bytes, 0),
        Err(errno) => (Vec::new(), errno.as_return()),
    };
    bytes.resize(size, 0);
    call.memory().write(Addr(to), &bytes)?;
    Ok(reply)
}

fn shown(info: &TunnelInfo, size: usize, flags: u64) -> Result<Vec<u8>, Errno> {
    if flags & !(IPV6 | WITH_FLAGS) != 0 {
        return Err(Errno::EINVAL);
    }
    if info.is_ipv6 != (flags & IPV6 != 0) {
        return Err(Errno::EPROTO);
    }
    let older = key::OLDER.contains(&size) && (size != key::OLDER[0] || !info.is_ipv6);
    if size != key::SIZE && !older {
        return Err(Errno::EINVAL);
    }
    let mut bytes = info.key.clone();
    let part = |range: std::ops::Range<usize>| info.key.get(range).unwrap_or_default();
    for (to, from) in [(key::REMOTE, key::LOCAL), (key::LOCAL, key::REMOTE)] {
        if let Some(room) = bytes.get_mut(to) {
            room.copy_from_slice(part(from));
        }
    }
    if flags & WITH_FLAGS != 0
        && let Some(room) = bytes.get_mut(key::EXTENSION)
    {
        room.copy_from_slice(&tunnel_flags(info).to_be_bytes());
    }
    Ok(bytes)
}

/// The tunnel's flags (`TUNNEL_…` in include/uapi/linux/if_tunnel.h): a checksum, a key, a sequence number, no
/// fragments, and that nothing is cached.
fn tunnel_flags(info: &TunnelInfo) -> u16 {
    const NO_CHECKSUM: u64 = 2;
    const NO_FRAGMENTS: u64 = 4;
    const SEQUENCE: u64 = 8;
    const NO_KEY: u64 = 16;
    let bit = |is_set: bool, bit: u16| if is_set { bit } else { 0 };
    bit(info.flags & NO_CHECKSUM == 0, 0x01)
        | bit(info.flags & NO_KEY == 0, 0x04)
        | bit(info.flags & SEQUENCE != 0, 0x08)
        | bit(info.flags & NO_FRAGMENTS != 0, 0x0100)
        | bit(info.options.is_some(), 0x0800)
        | 0x2000
}

/// `long bpf_skb_get_tunnel_opt(struct sk_buff *skb, void *opt, u32 size)`: how many bytes there are.
fn get_tunnel_opt(call: &mut Call<'_>) -> Reply {
    let [_, to, size, ..] = call.args;
    let size = size as u32 as usize;
    call.check_room(to, size)?;
    let options = call.skb()?.tunnel().and_then(|info| info.options);
    let (mut bytes, reply) = match options {
        None => (Vec::new(), Errno::ENOENT.as_return()),
        Some(options) if options.len() > size => (Vec::new(), Errno::ENOMEM.as_return()),
        Some(options) => {
            let len = options.len() as u64;
            (options, len)
        }
    };
    bytes.resize(size, 0);
    call.memory().write(Addr(to), &bytes)?;
    Ok(reply)
}

/// `long bpf_skb_set_tunnel_opt(struct sk_buff *skb, void *opt, u32 size)`
fn set_tunnel_opt(call: &mut Call<'_>) -> Reply {
    let [_, from, size, ..] = call.args;
    let (skb, size) = (call.skb()?, size as u32);
    let set = match skb.tunnel() {
        None => Err(Errno::EINVAL),
        Some(_) if !size.is_multiple_of(4) => Err(Errno::EINVAL),
        Some(_) if size as usize > MAX_OPTIONS => Err(Errno::ENOMEM),
        Some(info) => {
            let options = Some(call.memory().read_vec(Addr(from), size)?);
            skb.set_tunnel(TunnelInfo { options, ..info });
            Ok(())
        }
    };
    Ok(status(set))
}

/// `long bpf_skb_get_xfrm_state(struct sk_buff *skb, u32 index, struct bpf_xfrm_state *to, u32 size, u64 flags)`:
/// no packet was transformed.
fn get_xfrm_state(call: &mut Call<'_>) -> Reply {
    let [_, _, to, size, _] = call.args;
    let size = size as u32 as usize;
    call.check_room(to, size)?;
    call.memory().write(Addr(to), &vec![0; size])?;
    Ok(Errno::EINVAL.as_return())
}
