//! The machine's clocks: one count of nanoseconds since boot, and the date derived from it.
//!
//! Virtual time is not the host's: it stands still but for a fixed step at each reading, so that
//! two readings differ and every run sees the same ones. The host's clock is used only when asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockConfig {
    /// From counting readings.
    Virtual {
        /// Nanoseconds since boot at the start.
        start: u64,
        /// Nanoseconds that each reading takes.
        step: u64,
        /// The date at boot, in nanoseconds since 1970.
        boot_date: u64,
    },
    /// From the host.
    Host,
}

impl Default for ClockConfig {
    /// 100 seconds after a boot at 2025-01-01 00:00 UTC, a microsecond each reading.
    fn default() -> ClockConfig {
        ClockConfig::Virtual {
            start: 100_000_000_000,
            step: 1_000,
            boot_date: 1_735_689_600_000_000_000,
        }
    }
}

/// The clocks of a machine.
#[derive(Debug)]
pub struct Clock {
    now: AtomicU64,
    step: u64,
    boot_date: u64,
    source: Source,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    Readings,
    Host,
}

impl Clock {
    /// A clock as configured.
    pub fn new(config: ClockConfig) -> Clock {
        match config {
            ClockConfig::Virtual {
                start,
                step,
                boot_date,
            } => Clock {
                now: AtomicU64::new(start),
                step,
                boot_date,
                source: Source::Readings,
            },
            ClockConfig::Host => {
                let date = host_date();
                Clock {
                    now: AtomicU64::new(0),
                    step: 0,
                    boot_date: date,
                    source: Source::Host,
                }
            }
        }
    }

    /// Nanoseconds since boot (`CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`); time goes on by a step.
    pub fn now(&self) -> u64 {
        match self.source {
            Source::Readings => self.now.fetch_add(self.step, Ordering::Relaxed),
            Source::Host => {
                let since = host_date().saturating_sub(self.boot_date);
                since.max(self.now.fetch_max(since, Ordering::Relaxed))
            }
        }
    }

    /// Nanoseconds since boot, without going on.
    pub fn peek(&self) -> u64 {
        match self.source {
            Source::Readings => self.now.load(Ordering::Relaxed),
            Source::Host => self.now(),
        }
    }

    /// Nanoseconds since 1970 (`CLOCK_REALTIME`); time goes on by a step.
    pub fn date(&self) -> u64 {
        self.boot_date.wrapping_add(self.now())
    }

    /// The date at boot, in nanoseconds since 1970.
    pub fn boot_date(&self) -> u64 {
        self.boot_date
    }

    /// Sets virtual time; the host's cannot be set.
    pub fn set(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// Lets virtual time pass to that moment, unless it has.
    pub fn reach(&self, moment: u64) {
        match self.source {
            Source::Readings => {
                self.now.fetch_max(moment, Ordering::Relaxed);
            }
            Source::Host => {}
        }
    }

    /// Lets virtual time pass by a step.
    pub fn tick(&self) {
        match self.source {
            Source::Readings => self.advance(self.step.max(1)),
            Source::Host => {}
        }
    }

    /// Lets virtual time pass.
    pub fn advance(&self, by: u64) {
        self.now.fetch_add(by, Ordering::Relaxed);
    }
}

fn host_date() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_virtual_advances_a_step_each_reading() {
        let config = ClockConfig::Virtual {
            start: 50,
            step: 7,
            boot_date: 1000,
        };
        let clock = Clock::new(config);
        assert_eq!(
            [clock.now(), clock.now(), clock.peek(), clock.peek()],
            [50, 57, 64, 64]
        );
        clock.set(5);
        clock.advance(1);
        assert_eq!([clock.date(), clock.now()], [1006, 13]);
    }

    #[test]
    fn clock_of_the_host_never_runs_backwards() {
        let clock = Clock::new(ClockConfig::Host);
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first);
    }
}
