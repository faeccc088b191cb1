//! Counters and branch records of processors, of which the machine has none that count.
//!
//! Open slots of a perf event array are events of software that stand at 0, as those of a reader of
//! records do.

use super::{Answer, Call, Entry, HelperError, Reply};
use crate::isa::Size;
use crate::machine::{Addr, Errno};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(22, "bpf_perf_event_read", perf_event_read),
    Entry::new(55, "bpf_perf_event_read_value", perf_event_read_value),
    Entry::new(56, "bpf_perf_prog_read_value", perf_prog_read_value),
    Entry::new(119, "bpf_read_branch_records", read_branch_records),
    Entry::new(176, "bpf_get_branch_snapshot", get_branch_snapshot),
];

/// Which CPU's event (`BPF_F_INDEX_MASK`, `BPF_F_CURRENT_CPU`).
const INDEX_MASK: u64 = 0xffff_ffff;
/// Bytes of `struct bpf_perf_event_value`.
const VALUE: u64 = 24;
/// Offset of `sample_period` in `struct bpf_perf_event_data`.
const SAMPLE_PERIOD: i64 = 168;
/// `BPF_F_GET_BRANCH_RECORDS_SIZE`.
const SIZE_ONLY: u64 = 1;

/// What an event has counted, as far as the slot has one that may be asked from here.
fn count(call: &Call<'_>, map: u64, flags: u64) -> Answer<u64> {
    let map = call.map(map)?;
    let perf = map
        .perf()
        .ok_or(HelperError::Refused("the map is no perf event array"))?;
    let own = u64::from(call.world.cpu.0);
    let index = match flags & INDEX_MASK {
        INDEX_MASK => own,
        index => index,
    };
    if flags & !INDEX_MASK != 0 {
        return Ok(Err(Errno::EINVAL));
    }
    if index >= u64::from(map.spec.max_entries) {
        return Ok(Err(Errno::E2BIG));
    }
    Ok(match perf.is_open(index as u32) {
        false => Err(Errno::ENOENT),
        true if index != own => Err(Errno::EINVAL),
        true => Ok(0),
    })
}

/// `u64 bpf_perf_event_read(struct bpf_map *map, u64 flags)`
fn perf_event_read(call: &mut Call<'_>) -> Reply {
    let [map, flags, ..] = call.args;
    Ok(count(call, map, flags)?.unwrap_or_else(Errno::as_return))
}

/// `long bpf_perf_event_read_value(struct bpf_map *map, u64 flags, struct bpf_perf_event_value *buf, u32 buf_size)`
fn perf_event_read_value(call: &mut Call<'_>) -> Reply {
    let [map, flags, buf, size, _] = call.args;
    let counted = match size as u32 {
        size if u64::from(size) != VALUE => Err(Errno::EINVAL),
        _ => count(call, map, flags)?,
    };
    hand_out(call, buf, size as u32, counted)
}

/// `long bpf_perf_prog_read_value(struct bpf_perf_event_data *ctx, struct bpf_perf_event_value *buf, u32 buf_size)`:
/// the event has come as often as its period says.
fn perf_prog_read_value(call: &mut Call<'_>) -> Reply {
    let [ctx, buf, size, ..] = call.args;
    let counted = match u64::from(size as u32) {
        VALUE => {
            let period = Addr(ctx).offset(SAMPLE_PERIOD);
            Ok(call.memory().peek_uint(period, Size::DW)?)
        }
        _ => Err(Errno::EINVAL),
    };
    hand_out(call, buf, size as u32, counted)
}

/// Writes a counter that was always on; zeros where there is none.
fn hand_out(call: &Call<'_>, buf: u64, size: u32, counted: Result<u64, Errno>) -> Reply {
    call.check_room(buf, size as usize)?;
    let mut bytes = Vec::new();
    if let Ok(counted) = counted {
        let now = call.world.machine.clock.peek();
        bytes = [counted, now, now]
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .collect();
    }
    bytes.resize(size as usize, 0);
    call.memory().write(Addr(buf), &bytes)?;
    Ok(counted.map_or_else(Errno::as_return, |_| 0))
}

/// `long bpf_read_branch_records(struct bpf_perf_event_data *ctx, void *buf, u32 size, u64 flags)`: no
/// sample has any.
fn read_branch_records(call: &mut Call<'_>) -> Reply {
    Ok(match call.args[3] & !SIZE_ONLY {
        0 => Errno::ENOENT.as_return(),
        _ => Errno::EINVAL.as_return(),
    })
}

/// `long bpf_get_branch_snapshot(void *entries, u32 size, u64 flags)`: the processor records no
/// branches.
fn get_branch_snapshot(call: &mut Call<'_>) -> Reply {
    let [entries, size, flags, ..] = call.args;
    let size = size as u32 as usize;
    call.check_room(entries, size)?;
    call.memory().write(Addr(entries), &vec![0; size])?;
    Ok(match flags {
        0 => Errno::ENOENT.as_return(),
        _ => Errno::EINVAL.as_return(),
    })
}
