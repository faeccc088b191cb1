//! Timers and work queues of programs: fields of map values by address, and when each is due.
//!
//! It runs nothing: whoever lets time pass takes what is due and calls the functions.
//!
//! Rules:
//! - A timer is known from `bpf_timer_init` until its element goes.
//! - Times are nanoseconds since boot; those of the date are turned into them when a timer is started.
//! - Work is due when it is started; started again before it is done, it is done once.
//! - Timers that are due at the same time fire in the order in which they were started.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Addr, CpuId, Errno, ProgId};

/// The clock that a timer counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerClock {
    /// Since boot (`CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`).
    Boot,
    /// The date (`CLOCK_REALTIME`).
    Date,
}

/// What a function waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// A timer's: a clock.
    For(TimerClock),
    /// A work queue's: a worker of the kernel's.
    ForWorker,
}

/// The function that a timer calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerCallback {
    /// The program it is in.
    pub program: ProgId,
    /// Its handle there.
    pub handle: u64,
}

/// Which timer: of one that is made anew in the same place another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u64);

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueTimer {
    /// Which it is.
    pub id: TimerId,
    /// Where it is.
    pub timer: Addr,
    /// The handle of the map that it lies in.
    pub map: Addr,
    /// What it calls.
    pub callback: TimerCallback,
    /// When it was to be called.
    pub due: u64,
    /// The CPU that it was started on.
    pub cpu: CpuId,
    /// What it waited for.
    pub waits: Waits,
}

#[derive(Debug)]
struct Timer {
    id: TimerId,
    map: Addr,
    waits: Waits,
    callback: Option<TimerCallback>,
    /// When it fires, and what that was the how manyeth start.
    due: Option<(u64, u64)>,
    /// The CPU that it was last started on.
    cpu: CpuId,
}

/// The timers of a machine.
#[derive(Debug, Default)]
pub struct Timers {
    /// Whether there ever was one, so that maps without need no lock.
    any: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    timers: BTreeMap<Addr, Timer>,
    /// Timers that wait, by time and start.
    waiting: BTreeMap<(u64, u64), Addr>,
    starts: u64,
    made: u64,
    /// Whether there ever was work.
    has_work: bool,
}

impl Timers {
    /// `bpf_timer_init`.
    ///
    /// # Errors
    /// It was done before (`EBUSY`).
    pub fn init(&self, timer: Addr, map: Addr, clock: TimerClock) -> Result<(), Errno> {
        self.make(timer, map, Waits::For(clock))
    }

    /// `bpf_wq_init`.
    ///
    /// # Errors
    /// It was done before (`EBUSY`).
    pub fn init_work(&self, queue: Addr, map: Addr) -> Result<(), Errno> {
        self.make(queue, map, Waits::ForWorker)?;
        self.lock().has_work = true;
        Ok(())
    }

    fn make(&self, timer: Addr, map: Addr, waits: Waits) -> Result<(), Errno> {
        let mut inner = self.lock();
        if inner.timers.contains_key(&timer) {
            return Err(Errno::EBUSY);
        }
        self.any.store(true, Ordering::Relaxed);
        inner.made += 1;
        let made = Timer {
            id: TimerId(inner.made),
            map,
            waits,
            callback: None,
            due: None,
            cpu: CpuId::default(),
        };
        inner.timers.insert(timer, made);
        Ok(())
    }

    /// Whether there ever was a timer.
    #[inline]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// `bpf_timer_set_callback`, and the same of work.
    ///
    /// # Errors
    /// There is neither (`EINVAL`).
    pub fn set_callback(&self, timer: Addr, callback: TimerCallback) -> Result<(), Errno> {
        let mut inner = self.lock();
        let timer = inner.timers.get_mut(&timer).ok_or(Errno::EINVAL)?;
        timer.callback = Some(callback);
        Ok(())
    }

    /// The clock of a timer that has a function.
    pub fn clock(&self, timer: Addr) -> Option<TimerClock> {
        let inner = self.lock();
        let timer = inner.timers.get(&timer)?;
        match (timer.callback, timer.waits) {
            (Some(_), Waits::For(clock)) => Some(clock),
            (None, _) | (_, Waits::ForWorker) => None,
        }
    }

    /// `bpf_timer_start` on a CPU: it fires there at that time, and no longer at an earlier one.
    ///
    /// # Errors
    /// There is no timer, or it has no function (`EINVAL`).
    pub fn start(&self, at: Addr, due: u64, cpu: CpuId) -> Result<(), Errno> {
        let mut inner = self.lock();
        let timer = inner.timers.get(&at).ok_or(Errno::EINVAL)?;
        match (timer.callback, timer.waits) {
            (Some(_), Waits::For(_)) => {
                inner.wait(at, due, cpu);
                Ok(())
            }
            (None, _) | (_, Waits::ForWorker) => Err(Errno::EINVAL),
        }
    }

    /// `bpf_wq_start` on a CPU: it is done there from now on; if it waits already, nothing changes.
    ///
    /// # Errors
    /// There is no work queue, or it has no function (`EINVAL`).
    pub fn start_work(&self, at: Addr, now: u64, cpu: CpuId) -> Result<(), Errno> {
        let mut inner = self.lock();
        let queue = inner.timers.get(&at).ok_or(Errno::EINVAL)?;
        match (queue.callback, queue.waits, queue.due) {
            (Some(_), Waits::ForWorker, None) => inner.wait(at, now, cpu),
            (Some(_), Waits::ForWorker, Some(_)) => {}
            (None, _, _) | (_, Waits::For(_), _) => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// `bpf_timer_cancel`: whether it was waiting. It has no function afterwards.
    ///
    /// # Errors
    /// There is no timer (`EINVAL`), or it is its own function that asks, and would wait for itself
    /// (`EDEADLK`).
    pub fn cancel(&self, timer: Addr, running: Option<TimerId>) -> Result<bool, Errno> {
        let mut inner = self.lock();
        let timer = inner.timers.get_mut(&timer).ok_or(Errno::EINVAL)?;
        if timer.waits == Waits::ForWorker {
            return Err(Errno::EINVAL);
        }
        if running == Some(timer.id) {
            return Err(Errno::EDEADLK);
        }
        timer.callback = None;
        let due = timer.due.take();
        if let Some(due) = due {
            inner.waiting.remove(&due);
        }
        Ok(due.is_some())
    }

    /// The elements at these addresses are gone, and timers in them with them.
    pub fn release(&self, elements: impl IntoIterator<Item = Addr>, size: u32) {
        if !self.any() {
            return;
        }
        let mut inner = self.lock();
        for start in elements {
            let end = start.offset(i64::from(size));
            let gone: Vec<Addr> = inner.timers.range(start..end).map(|(at, _)| *at).collect();
            for at in gone {
                let due = inner.timers.remove(&at).and_then(|timer| timer.due);
                if let Some(due) = due {
                    inner.waiting.remove(&due);
                }
            }
        }
    }

    /// Takes the first timer that is due by then, or else work, which waits for no time; it no longer waits.
    pub fn take_due(&self, until: u64) -> Option<DueTimer> {
        if !self.any() {
            return None;
        }
        let mut inner = self.lock();
        let (key, at) = inner.first_due(until)?;
        inner.waiting.remove(&key);
        let timer = inner.timers.get_mut(&at)?;
        timer.due = None;
        Some(DueTimer {
            id: timer.id,
            timer: at,
            map: timer.map,
            callback: timer.callback?,
            due: key.0,
            cpu: timer.cpu,
            waits: timer.waits,
        })
    }

    /// How many timers wait.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The first that is due by then, or else the first work.
    fn first_due(&self, until: u64) -> Option<((u64, u64), Addr)> {
        let mut waiting = self.waiting.iter().map(|(key, at)| (*key, *at));
        let is_work = |at: &Addr| {
            let timer = self.timers.get(at);
            timer.is_some_and(|timer| timer.waits == Waits::ForWorker)
        };
        match self.has_work {
            false => waiting.next().filter(|((due, _), _)| *due <= until),
            true => waiting.find(|((due, _), at)| *due <= until || is_work(at)),
        }
    }

    /// Lets a timer wait until then, and no longer until an earlier time.
    fn wait(&mut self, at: Addr, due: u64, cpu: CpuId) {
        let Some(timer) = self.timers.get_mut(&at) else {
            return;
        };
        if let Some(before) = timer.due.take() {
            self.waiting.remove(&before);
        }
        timer.cpu = cpu;
        self.starts += 1;
        timer.due = Some((due, self.starts));
        self.waiting.insert((due, self.starts), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Addr = Addr(8);
    const CALLBACK: TimerCallback = TimerCallback {
        program: ProgId(1),
        handle: 64,
    };

    fn started(times: &[(u64, u64)]) -> Timers {
        let timers = Timers::default();
        for (at, due) in times {
            timers.init(Addr(*at), MAP, TimerClock::Boot).unwrap();
            timers.set_callback(Addr(*at), CALLBACK).unwrap();
            timers.start(Addr(*at), *due, CpuId(0)).unwrap();
        }
        timers
    }

    fn taken(timers: &Timers, until: u64) -> Vec<u64> {
        std::iter::from_fn(|| timers.take_due(until))
            .map(|due| due.timer.0)
            .collect()
    }

    #[test]
    fn timers_due_are_taken_by_time_and_then_by_start() {
        let timers = started(&[(100, 30), (200, 10), (300, 30), (400, 99)]);
        assert_eq!(taken(&timers, 30), [200, 100, 300]);
        assert_eq!((taken(&timers, 98), timers.waiting()), (vec![], 1));
    }

    #[test]
    fn work_waits_for_no_time_but_for_timers_that_are_due() {
        let timers = started(&[(100, 30), (200, 90)]);
        timers.init_work(Addr(300), MAP).unwrap();
        timers.set_callback(Addr(300), CALLBACK).unwrap();
        timers.start_work(Addr(300), 60, CpuId(0)).unwrap();
        assert_eq!((taken(&timers, 50), timers.waiting()), (vec![100, 300], 1));
    }

    #[test]
    fn timer_started_again_fires_at_the_later_time_alone() {
        let timers = started(&[(100, 30)]);
        timers.start(Addr(100), 50, CpuId(3)).unwrap();
        assert!(taken(&timers, 49).is_empty());
        let due = timers.take_due(50).map(|due| (due.timer, due.cpu));
        assert_eq!(due, Some((Addr(100), CpuId(3))));
    }

    #[test]
    fn timer_cancelled_has_no_function_left() {
        let timers = started(&[(100, 30)]);
        assert_eq!(timers.cancel(Addr(100), None), Ok(true));
        assert_eq!(timers.cancel(Addr(100), None), Ok(false));
        assert_eq!(timers.start(Addr(100), 5, CpuId(0)), Err(Errno::EINVAL));
        assert_eq!(timers.cancel(Addr(108), None), Err(Errno::EINVAL));
        assert!(taken(&timers, 100).is_empty());
    }

    #[test]
    fn timer_cancelled_by_its_own_function_would_wait_for_itself() {
        let timers = started(&[(100, 30)]);
        let id = timers.take_due(30).map(|due| due.id);
        assert_eq!(timers.cancel(Addr(100), id), Err(Errno::EDEADLK));
        timers.release([Addr(96)], 32);
        assert_eq!(timers.cancel(Addr(100), id), Err(Errno::EINVAL));
        timers.init(Addr(100), MAP, TimerClock::Boot).unwrap();
        assert_eq!(timers.cancel(Addr(100), id), Ok(false));
    }

    #[test]
    fn timer_of_an_element_that_goes_can_be_made_anew() {
        let timers = started(&[(100, 30), (132, 30)]);
        assert_eq!(
            timers.init(Addr(100), MAP, TimerClock::Date),
            Err(Errno::EBUSY)
        );
        timers.release([Addr(96)], 32);
        assert_eq!(timers.init(Addr(100), MAP, TimerClock::Date), Ok(()));
        assert_eq!(
            (timers.clock(Addr(100)), taken(&timers, 99)),
            (None, vec![132])
        );
    }
}
