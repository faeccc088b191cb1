//! Work queues: fields of map values whose function a worker of the kernel's runs once the program is over.
//!
//! Which are waiting is the machine's affair, as of timers ([`crate::machine::Timers`]).
//!
//! Kernel: `bpf_wq_init`, `bpf_wq_set_callback_impl`, `bpf_wq_start` in kernel/bpf/helpers.c, 6.12.

use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::helpers::map::status;
use crate::machine::{Addr, Errno, TimerCallback};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_wq_init", 3, init),
    Entry::new("bpf_wq_set_callback_impl", 4, set_callback),
    Entry::new("bpf_wq_start", 2, start),
];

/// `int bpf_wq_init(struct bpf_wq *wq, void *p__map, unsigned int flags)`
fn init(call: &mut Call<'_>) -> Reply {
    let [queue, map, flags, ..] = call.args;
    call.map(map)?;
    if flags as u32 != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let timers = &call.world.machine.timers;
    Ok(status(timers.init_work(Addr(queue), Addr(map))))
}

/// `int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (callback_fn)(void *map, int *key, void *value), unsigned int flags, void *aux__ign)`
fn set_callback(call: &mut Call<'_>) -> Reply {
    let [queue, handle, flags, ..] = call.args;
    if flags as u32 != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let program = call.engine.program();
    let program = program.ok_or(HelperError::Refused("the program is not loaded"))?;
    let callback = TimerCallback { program, handle };
    let timers = &call.world.machine.timers;
    Ok(status(timers.set_callback(Addr(queue), callback)))
}

/// `int bpf_wq_start(struct bpf_wq *wq, unsigned int flags)`: what waits already is not made to wait twice.
fn start(call: &mut Call<'_>) -> Reply {
    let [queue, flags, ..] = call.args;
    if flags as u32 != 0 {
        return Ok(Errno::EINVAL.as_return());
    }
    let now = call.world.machine.clock.peek();
    let timers = &call.world.machine.timers;
    let started = timers.start_work(Addr(queue), now, call.world.cpu);
    Ok(status(started))
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::{Bench, CALLBACK, errno};
    use crate::machine::{Errno, Waits};

    #[test]
    fn work_waits_once_it_has_a_function_and_was_started() {
        let mut bench = Bench::new();
        let map = bench.map("work array 4 24 1").handle.0;
        let queue = bench.data(&[0; 16]);
        let invalid = errno(Errno::EINVAL);
        assert_eq!(bench.kfunc("bpf_wq_start", [queue, 0]), invalid);
        assert_eq!(bench.kfunc("bpf_wq_init", [queue, map, 1]), invalid);
        assert_eq!(bench.kfunc("bpf_wq_init", [queue, map, 0]), 0);
        let again = bench.kfunc("bpf_wq_init", [queue, map, 0]);
        assert_eq!(again, errno(Errno::EBUSY));
        assert_eq!(bench.kfunc("bpf_wq_start", [queue, 0]), invalid);
        let mut set = |flags| bench.kfunc("bpf_wq_set_callback_impl", [queue, CALLBACK, flags, 0]);
        assert_eq!([set(1), set(0)], [invalid, 0]);
        assert_eq!(bench.kfunc("bpf_wq_start", [queue, 1]), invalid);
        for _ in 0..2 {
            assert_eq!(bench.kfunc("bpf_wq_start", [queue, 0]), 0);
            assert_eq!(bench.machine.timers.waiting(), 1);
        }
        let now = bench.machine.clock.peek();
        let due = bench.machine.timers.take_due(now).expect("it waits");
        assert_eq!((due.timer.0, due.waits), (queue, Waits::ForWorker));
        assert_eq!(bench.machine.timers.take_due(now), None);
    }

    #[test]
    fn work_is_no_timer_and_a_timer_no_work() {
        let mut bench = Bench::new();
        let map = bench.map("work array 4 40 1").handle.0;
        let [queue, timer] = [(); 2].map(|()| bench.data(&[0; 16]));
        assert_eq!(bench.kfunc("bpf_wq_init", [queue, map, 0]), 0);
        assert_eq!(bench.call(169, [timer, map, 1]), 0);
        for at in [queue, timer] {
            assert_eq!(bench.call(170, [at, CALLBACK]), 0);
        }
        let invalid = errno(Errno::EINVAL);
        assert_eq!(bench.call(171, [queue, 0, 0]), invalid);
        assert_eq!(bench.call(172, [queue]), invalid);
        assert_eq!(bench.kfunc("bpf_wq_start", [timer, 0]), invalid);
    }
}
