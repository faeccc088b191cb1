//! Reading and writing a packet's bytes by offset.

use super::frame::{Field, Packet};
use crate::helpers::map::status;
use crate::helpers::{Call, Entry, HelperError, Reply, World};
use crate::isa::Size;
use crate::machine::{Addr, Errno, SkBuff};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(9, "bpf_skb_store_bytes", skb_store_bytes),
    Entry::new(26, "bpf_skb_load_bytes", skb_load_bytes),
    Entry::new(39, "bpf_skb_pull_data", skb_pull_data),
    Entry::new(68, "bpf_skb_load_bytes_relative", skb_load_bytes_relative),
    Entry::new(189, "bpf_xdp_load_bytes", xdp_load_bytes),
    Entry::new(190, "bpf_xdp_store_bytes", xdp_store_bytes),
];

/// `BPF_F_INVALIDATE_HASH`.
const INVALIDATE_HASH: u64 = 2;
/// That and `BPF_F_RECOMPUTE_CSUM`: only matters where hardware has summed the packet.
const STORE_FLAGS: u64 = 1 | INVALIDATE_HASH;

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: u32 = 14;

/// Furthest offset and greatest length that the checked accesses take.
const MAX_OFFSET: u32 = 0xffff;

/// Offsets from here up are relative to the network header (`SKF_NET_OFF`).
const NET_OFF: i64 = -0x10_0000;

/// Offsets from here up are relative to the link-layer header (`SKF_LL_OFF`).
const LINK_OFF: i64 = -0x20_0000;

/// `long bpf_skb_store_bytes(struct sk_buff *skb, u32 offset, const void *from, u32 len, u64 flags)`
fn skb_store_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, from, len, flags] = call.args;
    let skb = call.skb()?;
    if flags & !STORE_FLAGS != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let bytes = call.memory().read_vec(Addr(from), len as u32)?;
    let stored = skb.store(call.memory(), off as u32, &bytes);
    if stored.is_ok() && flags & INVALIDATE_HASH != 0 {
        Field::Hash.set(skb, call.memory(), 0);
    }
    Ok(status(stored))
}

/// `long bpf_skb_load_bytes(const void *skb, u32 offset, void *to, u32 len)`
fn skb_load_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, _] = call.args;
    let skb = call.skb()?;
    load(call, to, len as u32, |buf| {
        skb.load(call.memory(), off as u32, buf)
    })
}

/// `long bpf_skb_load_bytes_relative(const void *skb, u32 offset, void *to, u32 len, u32 start_header)`
fn skb_load_bytes_relative(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, start] = call.args;
    let (skb, off) = (call.skb()?, off as u32);
    let headers = Headers::of(Packet::Skb(skb));
    let from = match start as u32 {
        0 => Some(headers.link),
        1 => Some(headers.network),
        _ => None,
    };
    let from = from
        .filter(|_| off <= MAX_OFFSET)
        .map(|start| start.offset(i64::from(off)));
    load(call, to, len as u32, |buf| {
        let inside = from.filter(|from| is_inside(skb, *from, len as u32));
        let peeked = inside.map(|from| call.memory().peek(from, buf));
        peeked.and_then(Result::ok).ok_or(Errno::EFAULT)
    })
}

fn is_inside(skb: &SkBuff, from: Addr, len: u32) -> bool {
    from.offset(i64::from(len)) <= skb.data().offset(i64::from(skb.len()))
}

/// Copies out of the packet; where it has no such bytes, zeros.
fn load(
    call: &Call<'_>,
    to: u64,
    len: u32,
    read: impl FnOnce(&mut [u8]) -> Result<(), Errno>,
) -> Reply {
    call.check_room(to, len as usize)?;
    let mut bytes = vec![0; len as usize];
    let result = read(&mut bytes);
    if result.is_err() {
        bytes.fill(0);
    }
    call.memory().write(Addr(to), &bytes)?;
    Ok(status(result))
}

/// `long bpf_skb_pull_data(struct sk_buff *skb, u32 len)`
fn skb_pull_data(call: &mut Call<'_>) -> Reply {
    Ok(status(call.skb()?.pull(call.args[1] as u32)))
}

/// `long bpf_xdp_load_bytes(struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len)`: where it has
/// no such bytes, the buffer is left alone.
fn xdp_load_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, _] = call.args;
    let frame = call.xdp()?;
    if off as u32 > MAX_OFFSET || len as u32 > MAX_OFFSET {
        return Ok(Errno::EFAULT.as_return());
    }
    call.check_room(to, len as u32 as usize)?;
    let mut bytes = vec![0; len as u32 as usize];
    let result = frame.load(call.memory(), off as u32, &mut bytes);
    if result.is_ok() {
        call.memory().write(Addr(to), &bytes)?;
    }
    Ok(status(result))
}

/// `long bpf_xdp_store_bytes(struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len)`
fn xdp_store_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, from, len, _] = call.args;
    let frame = call.xdp()?;
    if off as u32 > MAX_OFFSET || len as u32 > MAX_OFFSET {
        return Ok(Errno::EFAULT.as_return());
    }
    let bytes = call.memory().read_vec(Addr(from), len as u32)?;
    Ok(status(frame.store(call.memory(), off as u32, &bytes)))
}

impl Call<'_> {
    /// Where the network header of the packet begins; without a packet at null.
    pub(super) fn network_header(&self) -> Addr {
        let packet = self.world.packet;
        packet.map_or(Addr::NULL, |packet| Headers::of(packet).network)
    }
}

/// Where a packet's headers begin.
struct Headers {
    link: Addr,
    network: Addr,
}

impl Headers {
    fn of(packet: Packet<'_>) -> Headers {
        let (link, network) = match packet {
            Packet::Xdp(_) => (0, ETHERNET),
            Packet::Skb(skb) => (skb.link(), skb.network()),
        };
        let data = packet.data();
        Headers {
            link: data.offset(i64::from(link)),
            network: data.offset(i64::from(network)),
        }
    }
}

/// The number of `size` at an offset of the packet, in network order, as legacy loads read it; none
/// where the packet has no such bytes.
pub fn legacy_load(world: &World<'_>, off: i32, size: Size) -> Result<Option<u64>, HelperError> {
    let packet = world
        .packet
        .ok_or(HelperError::Refused("this run has no packet"))?;
    let off = i64::from(off);
    let headers = Headers::of(packet);
    let start = match off {
        0.. => packet.data().offset(off),
        NET_OFF.. => headers.network.offset(off - NET_OFF),
        LINK_OFF.. => headers.link.offset(off - LINK_OFF),
        _ => return Ok(None),
    };
    let end = packet.data().offset(i64::from(packet.len()));
    if start.offset(i64::from(size.bytes())) > end {
        return Ok(None);
    }
    let little = world.machine.memory.peek_uint(start, size).ok();
    Ok(little.map(|little| little.swap_bytes() >> (64 - size.bits())))
}
