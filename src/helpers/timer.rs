//! Timers: fields of map values that call a function of the program when the clock has come so far.
//!
//! Which are waiting is the machine's affair ([`crate::machine::Timers`]); whoever lets time pass
//! calls their functions.

use super::{Call, Entry, HelperError, Reply};
use crate::machine::{Addr, Errno, TimerCallback, TimerClock};

pub(super) const ROWS: &[Entry] = &[
    Entry::new(169, "bpf_timer_init", timer_init),
    Entry::new(170, "bpf_timer_set_callback", timer_set_callback),
    Entry::new(171, "bpf_timer_start", timer_start),
    Entry::new(172, "bpf_timer_cancel", timer_cancel),
];

/// `BPF_F_TIMER_ABS`: the time is no distance.
const ABSOLUTE: u64 = 1;
/// `BPF_F_TIMER_CPU_PIN`: it fires on the CPU that starts it, as all do here.
const CPU_PIN: u64 = 2;

/// `long bpf_timer_init(struct bpf_timer *timer, struct bpf_map *map, u64 flags)`
fn timer_init(call: &mut Call<'_>) -> Reply {
    let [timer, map, flags, ..] = call.args;
    call.map(map)?;
    // CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME.
    let clock = match flags {
        0 => TimerClock::Date,
        1 | 7 => TimerClock::Boot,
        _ => return Ok(Errno::EINVAL.as_return()),
    };
    let timers = &call.world.machine.timers;
    let made = timers.init(Addr(timer), Addr(map), clock);
    Ok(super::map::status(made))
}

/// `long bpf_timer_set_callback(struct bpf_timer *timer, void *callback_fn)`
fn timer_set_callback(call: &mut Call<'_>) -> Reply {
    let [timer, handle, ..] = call.args;
    let program = call.engine.program();
    let program = program.ok_or(HelperError::Refused("the program is not loaded"))?;
    let callback = TimerCallback { program, handle };
    let timers = &call.world.machine.timers;
    Ok(super::map::status(
        timers.set_callback(Addr(timer), callback),
    ))
}

/// `long bpf_timer_start(struct bpf_timer *timer, u64 nsecs, u64 flags)`
fn timer_start(call: &mut Call<'_>) -> Reply {
    let [timer, nsecs, flags, ..] = call.args;
    let (timers, clock) = (&call.world.machine.timers, &call.world.machine.clock);
    if flags & !(ABSOLUTE | CPU_PIN) != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let Some(counts) = timers.clock(Addr(timer)) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let due = match (flags & ABSOLUTE, counts) {
        (0, _) => clock.peek().saturating_add(nsecs),
        (_, TimerClock::Boot) => nsecs,
        (_, TimerClock::Date) => nsecs.saturating_sub(clock.boot_date()),
    };
    Ok(super::map::status(timers.start(
        Addr(timer),
        due,
        call.world.cpu,
    )))
}

/// `long bpf_timer_cancel(struct bpf_timer *timer)`: whether it was waiting. A timer's own function
/// would wait for itself.
fn timer_cancel(call: &mut Call<'_>) -> Reply {
    let running = call.world.timer;
    let cancelled = call
        .world
        .machine
        .timers
        .cancel(Addr(call.args[0]), running);
    Ok(cancelled.map_or_else(Errno::as_return, u64::from))
}
