//! Clocks.

use super::{Call, Entry, Reply};
use crate::machine::Clock;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(5, "bpf_ktime_get_ns", ktime_get_ns),
    Entry::new(118, "bpf_jiffies64", jiffies64),
    Entry::new(125, "bpf_ktime_get_boot_ns", ktime_get_ns),
    Entry::new(160, "bpf_ktime_get_coarse_ns", ktime_get_coarse_ns),
    Entry::new(208, "bpf_ktime_get_tai_ns", ktime_get_tai_ns),
];

/// Nanoseconds of a jiffy: `CONFIG_HZ` is 250.
const JIFFY: u64 = 4_000_000;

/// Jiffies at boot: they wrap in 32 bits five minutes later (`INITIAL_JIFFIES`).
const INITIAL_JIFFIES: u64 = (1 << 32) - 300 * 250;

/// Leap seconds between International Atomic Time and UTC since 2017.
const TAI_OFFSET: u64 = 37_000_000_000;

/// `u64 bpf_ktime_get_ns(void)`; the machine never sleeps, so its boot clock is the same.
fn ktime_get_ns(call: &mut Call<'_>) -> Reply {
    Ok(call.world.machine.clock.now())
}

/// `u64 bpf_ktime_get_coarse_ns(void)`: the time at the last tick.
fn ktime_get_coarse_ns(call: &mut Call<'_>) -> Reply {
    let now = call.world.machine.clock.now();
    Ok(now - now % JIFFY)
}

/// `u64 bpf_ktime_get_tai_ns(void)`
fn ktime_get_tai_ns(call: &mut Call<'_>) -> Reply {
    Ok(call.world.machine.clock.date().wrapping_add(TAI_OFFSET))
}

/// `u64 bpf_jiffies64(void)`
fn jiffies64(call: &mut Call<'_>) -> Reply {
    Ok(jiffies(&call.world.machine.clock))
}

/// Milliseconds as jiffies, rounded up; what is beyond the numbers with a sign lasts as long as can be.
pub(super) fn jiffies_of(milliseconds: u32) -> u32 {
    match milliseconds.cast_signed() {
        ..0 => u32::MAX,
        0.. => milliseconds.div_ceil((JIFFY / 1_000_000) as u32),
    }
}

/// Jiffies since boot; time goes on by a step.
pub fn jiffies(clock: &Clock) -> u64 {
    INITIAL_JIFFIES + clock.now() / JIFFY
}
