//! Records for user space: perf event arrays and ring buffers.

use std::sync::Arc;

use super::map::status;
use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno};
use crate::maps::{Map, Ringbuf};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(25, "bpf_perf_event_output", perf_event_output),
    Entry::new(111, "bpf_skb_output", skb_output),
    Entry::new(121, "bpf_xdp_output", xdp_output),
    Entry::new(130, "bpf_ringbuf_output", ringbuf_output),
    Entry::new(131, "bpf_ringbuf_reserve", ringbuf_reserve),
    Entry::new(132, "bpf_ringbuf_submit", ringbuf_submit),
    Entry::new(133, "bpf_ringbuf_discard", ringbuf_discard),
    Entry::new(134, "bpf_ringbuf_query", ringbuf_query),
];

/// Which CPU's buffer (`BPF_F_INDEX_MASK`).
const INDEX_MASK: u64 = 0xffff_ffff;

/// How much of the packet follows (`BPF_F_CTXLEN_MASK`).
const PACKET_MASK: u64 = 0xf_ffff << 32;

/// `long bpf_perf_event_output(void *ctx, struct bpf_map *map, u64 flags, void *data, u64 size)`:
/// of programs that have a packet, flags may ask for its first bytes behind the data.
fn perf_event_output(call: &mut Call<'_>) -> Reply {
    let [_, map, flags, data, size] = call.args;
    let map = call.map(map)?;
    let perf = map
        .perf()
        .ok_or(HelperError::Refused("the map is no perf event array"))?;
    let mut record = read(call, data, size)?;
    let mut index = flags;
    if let Some(packet) = call.world.packet {
        if flags & !(INDEX_MASK | PACKET_MASK) != 0 {
            return Ok(Errno::EINVAL.as_return());
        }
        let wanted = ((flags & PACKET_MASK) >> 32) as u32;
        if wanted > packet.len() {
            return Ok(Errno::EFAULT.as_return());
        }
        record.extend(call.memory().peek_vec(packet.data(), wanted)?);
        index = flags & INDEX_MASK;
    }
    Ok(status(perf.output(call.world.cpu, index, &record)))
}

/// `long bpf_skb_output(struct sk_buff *skb, struct bpf_map *map, u64 flags, void *data, u64 size)`
fn skb_output(call: &mut Call<'_>) -> Reply {
    let skb = Addr(call.args[0]);
    let len = call.kernel_field(skb, "sk_buff", "len");
    let data = call.kernel_field(skb, "sk_buff", "data");
    output_with(call, Addr(data), len)
}

/// `long bpf_xdp_output(struct xdp_buff *ctx, struct bpf_map *map, u64 flags, void *data, u64 size)`
fn xdp_output(call: &mut Call<'_>) -> Reply {
    let frame = Addr(call.args[0]);
    let data = call.kernel_field(frame, "xdp_buff", "data");
    let end = call.kernel_field(frame, "xdp_buff", "data_end");
    output_with(call, Addr(data), end.saturating_sub(data))
}

/// A record with the first bytes of a packet behind it, which a structure of the kernel holds.
fn output_with(call: &Call<'_>, packet: Addr, len: u64) -> Reply {
    let [_, map, flags, data, size] = call.args;
    let map = call.map(map)?;
    let perf = map
        .perf()
        .ok_or(HelperError::Refused("the map is no perf event array"))?;
    if flags & !(INDEX_MASK | PACKET_MASK) != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let wanted = (flags & PACKET_MASK) >> 32;
    if wanted > len {
        return Ok(Errno::EFAULT.as_return());
    }
    let mut record = read(call, data, size)?;
    if wanted != 0 {
        record.extend(call.memory().peek_vec(packet, wanted as u32)?);
    }
    let index = flags & INDEX_MASK;
    Ok(status(perf.output(call.world.cpu, index, &record)))
}

/// `long bpf_ringbuf_output(void *ringbuf, void *data, u64 size, u64 flags)`
fn ringbuf_output(call: &mut Call<'_>) -> Reply {
    let [map, data, size, flags, _] = call.args;
    let map = call.map(map)?;
    let record = read(call, data, size)?;
    Ok(status(ringbuf(map)?.output(&record, flags)))
}

/// `void *bpf_ringbuf_reserve(void *ringbuf, u64 size, u64 flags)`
fn ringbuf_reserve(call: &mut Call<'_>) -> Reply {
    let [map, size, flags, ..] = call.args;
    let map = call.map(map)?;
    let record = ringbuf(map)?.reserve(call.memory(), size, flags);
    Ok(record.map_or(0, |addr| addr.0))
}

/// `void bpf_ringbuf_submit(void *data, u64 flags)`
fn ringbuf_submit(call: &mut Call<'_>) -> Reply {
    submit(call, Addr(call.args[0]))
}

/// `void bpf_ringbuf_discard(void *data, u64 flags)`
fn ringbuf_discard(call: &mut Call<'_>) -> Reply {
    discard(call, Addr(call.args[0]))
}

/// Hands a reserved record to the reader.
pub(super) fn submit(call: &Call<'_>, record: Addr) -> Reply {
    settle(call, record, |ringbuf| {
        ringbuf.submit(call.memory(), record)
    })
}

/// Gives a reserved record up.
pub(super) fn discard(call: &Call<'_>, record: Addr) -> Reply {
    settle(call, record, |ringbuf| {
        ringbuf.discard(call.memory(), record)
    })
}

/// `u64 bpf_ringbuf_query(void *ringbuf, u64 flags)`
fn ringbuf_query(call: &mut Call<'_>) -> Reply {
    let [map, flags, ..] = call.args;
    let map = call.map(map)?;
    Ok(ringbuf(map)?.query(flags))
}

fn settle(
    call: &Call<'_>,
    record: Addr,
    then: impl FnOnce(&Ringbuf) -> Result<(), Errno>,
) -> Reply {
    let stray = HelperError::Refused("the argument is no reserved record");
    let Some(map) = call.world.maps.by_record(call.memory(), record) else {
        return Err(stray);
    };
    then(ringbuf(map)?).map_err(|_| stray)?;
    Ok(0)
}

fn ringbuf(map: &Arc<Map>) -> Result<&Ringbuf, HelperError> {
    map.ringbuf()
        .ok_or(HelperError::Refused("the map is no ring buffer"))
}

fn read(call: &Call<'_>, data: u64, size: u64) -> Result<Vec<u8>, HelperError> {
    if size == 0 {
        return Ok(Vec::new());
    }
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    Ok(call.memory().read_vec(Addr(data), size)?)
}
