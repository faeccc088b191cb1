//! Reading and writing a packet's bytes by offset.

use super::frame::Frame;
use crate::abi::ProgType;
use crate::helpers::{Call, Entry, HelperError, Reply, World};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(9, "bpf_skb_store_bytes", skb_store_bytes),
    Entry::new(26, "bpf_skb_load_bytes", skb_load_bytes),
    Entry::new(39, "bpf_skb_pull_data", skb_pull_data),
    Entry::new(68, "bpf_skb_load_bytes_relative", skb_load_bytes_relative),
    Entry::new(188, "bpf_xdp_get_buff_len", xdp_get_buff_len),
    Entry::new(189, "bpf_xdp_load_bytes", xdp_load_bytes),
    Entry::new(190, "bpf_xdp_store_bytes", xdp_store_bytes),
];

/// `BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH`.
const STORE_FLAGS: u64 = 3;

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: u64 = 14;

/// Offsets from here up are relative to the network header (`SKF_NET_OFF`).
const NET_OFF: i64 = -0x10_0000;

/// Offsets from here up are relative to the link-layer header (`SKF_LL_OFF`).
const LINK_OFF: i64 = -0x20_0000;

/// `long bpf_skb_store_bytes(struct sk_buff *skb, u32 offset, const void *from, u32 len, u64 flags)`
fn skb_store_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, from, len, flags] = call.args;
    if flags & !STORE_FLAGS != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    store(call, off as u32, from, len as u32, Errno::EFAULT)
}

/// `long bpf_skb_load_bytes(const void *skb, u32 offset, void *to, u32 len)`
fn skb_load_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, _] = call.args;
    let frame = Frame::need(call)?;
    let from = frame.slice(u64::from(off as u32), u64::from(len as u32));
    load(call, from, to, len as u32)
}

/// `long bpf_skb_load_bytes_relative(const void *skb, u32 offset, void *to, u32 len, u32 start_header)`
fn skb_load_bytes_relative(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, start] = call.args;
    let frame = Frame::need(call)?;
    let off = u64::from(off as u32);
    let headers = Headers::of(call.world, &frame);
    let start = match start as u32 {
        0 => Some(headers.link),
        1 => Some(headers.network),
        _ => None,
    };
    let from = start.filter(|_| off <= 0xffff).and_then(|start| {
        let at = start.checked_add(off)?;
        (at.checked_add(u64::from(len as u32))? <= frame.data_end).then_some(Addr(at))
    });
    load(call, from, to, len as u32)
}

/// `long bpf_skb_pull_data(struct sk_buff *skb, u32 len)`: packets are always linear and writable.
fn skb_pull_data(call: &mut Call<'_>) -> Reply {
    let frame = Frame::need(call)?;
    Ok(match u64::from(call.args[1] as u32) <= frame.len() {
        true => 0,
        false => Errno::ENOMEM.as_return(),
    })
}

/// `u64 bpf_xdp_get_buff_len(struct xdp_buff *xdp_md)`
fn xdp_get_buff_len(call: &mut Call<'_>) -> Reply {
    Ok(Frame::need(call)?.len())
}

/// `long bpf_xdp_load_bytes(struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len)`
fn xdp_load_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, to, len, _] = call.args;
    let frame = Frame::need(call)?;
    match xdp_slice(&frame, off as u32, len as u32) {
        Ok(from) => load(call, Some(from), to, len as u32),
        Err(errno) => Ok(errno.as_return()),
    }
}

/// `long bpf_xdp_store_bytes(struct xdp_buff *xdp_md, u32 offset, void *buf, u32 len)`
fn xdp_store_bytes(call: &mut Call<'_>) -> Reply {
    let [_, off, from, len, _] = call.args;
    let frame = Frame::need(call)?;
    match xdp_slice(&frame, off as u32, len as u32) {
        Ok(_) => store(call, off as u32, from, len as u32, Errno::EINVAL),
        Err(errno) => Ok(errno.as_return()),
    }
}

fn xdp_slice(frame: &Frame, off: u32, len: u32) -> Result<Addr, Errno> {
    if off > 0xffff || len > 0xffff {
        return Err(Errno::EFAULT);
    }
    frame
        .slice(u64::from(off), u64::from(len))
        .ok_or(Errno::EINVAL)
}

/// Copies out of the packet; where it has no such bytes, zeros.
fn load(call: &Call<'_>, from: Option<Addr>, to: u64, len: u32) -> Reply {
    call.check_room(to, len as usize)?;
    let bytes = match from {
        Some(from) => call.memory().peek_vec(from, len)?,
        None => vec![0; len as usize],
    };
    call.memory().write(Addr(to), &bytes)?;
    Ok(if from.is_some() {
        0
    } else {
        Errno::EFAULT.as_return()
    })
}

fn store(call: &Call<'_>, off: u32, from: u64, len: u32, error: Errno) -> Reply {
    let frame = Frame::need(call)?;
    let bytes = call.memory().read_vec(Addr(from), len)?;
    match frame.slice(u64::from(off), u64::from(len)) {
        Some(to) => {
            call.memory().poke(to, &bytes)?;
            Ok(0)
        }
        None => Ok(error.as_return()),
    }
}

/// Where a packet's headers begin.
struct Headers {
    link: u64,
    network: u64,
}

impl Headers {
    /// Traffic control and XDP see the link-layer header first; to the others it was taken off.
    fn of(world: &World<'_>, frame: &Frame) -> Headers {
        let Frame { data, .. } = *frame;
        match world.prog_type {
            ProgType::SchedCls | ProgType::SchedAct | ProgType::Xdp => Headers {
                link: data,
                network: data + ETHERNET,
            },
            _ => Headers {
                link: data.saturating_sub(ETHERNET).max(frame.head),
                network: data,
            },
        }
    }
}

/// The number of `size` at an offset of the packet, in network order, as legacy loads read it; none
/// where the packet has no such bytes.
pub fn legacy_load(
    world: &World<'_>,
    ctx: Addr,
    off: i32,
    size: Size,
) -> Result<Option<u64>, HelperError> {
    let frame = Frame::at(world, ctx).ok_or(HelperError::Refused("this run has no packet"))?;
    let off = i64::from(off);
    let headers = Headers::of(world, &frame);
    let start = match off {
        0.. => frame.data.checked_add_signed(off),
        NET_OFF.. => headers.network.checked_add_signed(off - NET_OFF),
        LINK_OFF.. => headers.link.checked_add_signed(off - LINK_OFF),
        _ => None,
    };
    let len = u64::from(size.bytes());
    let fits = |start: &u64| {
        start
            .checked_add(len)
            .is_some_and(|end| end <= frame.data_end)
    };
    let Some(start) = start.filter(fits) else {
        return Ok(None);
    };
    let little = world.machine.memory.peek_uint(Addr(start), size)?;
    Ok(Some(little.swap_bytes() >> (64 - size.bits())))
}
