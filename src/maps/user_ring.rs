//! User ring buffers: samples that user space sends to programs, the other way round.
//!
//! Only the accounting is a ring's. Rules, as the kernel's and libbpf's:
//! - A sample takes its bytes, rounded up to 8, and 8 bytes of header.
//! - Programs take samples in their order, one drain at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Shape;
use super::ops::{MapEnv, MapOps};
use crate::machine::{Errno, Memory};

/// Bytes before each sample (`BPF_RINGBUF_HDR_SZ`).
const HEADER: u64 = 8;

/// `user_ringbuf`.
#[derive(Debug)]
pub struct UserRingbuf {
    size: u64,
    draining: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    samples: VecDeque<Vec<u8>>,
    used: u64,
}

/// The right to take samples; no other drain begins while it lives.
#[derive(Debug)]
pub struct Drain<'a>(&'a UserRingbuf);

impl UserRingbuf {
    pub(super) fn new(shape: &Shape) -> UserRingbuf {
        UserRingbuf {
            size: u64::from(shape.max_entries),
            draining: AtomicBool::new(false),
            inner: Mutex::default(),
        }
    }

    /// Sends a sample, as libbpf's `user_ring_buffer__reserve` and `…__submit` do.
    pub fn send(&self, sample: &[u8]) -> Result<(), Errno> {
        let mut inner = self.lock();
        let room = room(sample);
        if room > self.size {
            return Err(Errno::E2BIG);
        }
        if inner.used + room > self.size {
            return Err(Errno::ENOSPC);
        }
        inner.used += room;
        inner.samples.push_back(sample.to_vec());
        Ok(())
    }

    /// Begins to take samples, unless somebody else does.
    pub fn drain(&self) -> Result<Drain<'_>, Errno> {
        match self.draining.swap(true, Ordering::Acquire) {
            true => Err(Errno::EBUSY),
            false => Ok(Drain(self)),
        }
    }

    /// How many samples wait.
    pub fn waiting(&self) -> usize {
        self.lock().samples.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drain<'_> {
    /// The next sample, which stays in the ring until it is taken.
    pub fn peek(&self) -> Option<Vec<u8>> {
        self.0.lock().samples.front().cloned()
    }

    /// Takes the next sample out.
    pub fn take(&self) {
        let mut inner = self.0.lock();
        if let Some(sample) = inner.samples.pop_front() {
            inner.used -= room(&sample);
        }
    }
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        self.0.draining.store(false, Ordering::Release);
    }
}

/// Bytes that a sample takes in the ring.
fn room(sample: &[u8]) -> u64 {
    (sample.len() as u64 + HEADER).next_multiple_of(8)
}

impl MapOps for UserRingbuf {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn update_user(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn release(&self, _memory: &Memory) {}
}
