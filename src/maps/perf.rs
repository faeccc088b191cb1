//! Perf event arrays: buffers by CPU that a reader drains.
//!
//! In the kernel a slot holds a perf event that a reader opened. Here every slot that a CPU has is
//! open from the start, as if a reader such as libbpf's `perf_buffer` had come first; a slot may be
//! closed and opened by deleting and updating it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{CpuId, Cpus, Errno, Memory};

use super::Shape;
use super::ops::{BPF_ANY, MapEnv, MapOps, index_of, next_index};

/// Bits of the flags that are an index (`BPF_F_INDEX_MASK`).
const INDEX_MASK: u64 = 0xffff_ffff;

/// The index that stands for the CPU at work (`BPF_F_CURRENT_CPU`).
const CURRENT_CPU: u64 = 0xffff_ffff;

/// Bytes a CPU's buffer holds: the 64 pages that bpftool and bcc ask for.
const CAPACITY: usize = 64 * 4096;

/// What a record takes in the buffer besides its bytes: header and length.
const OVERHEAD: usize = 12;

/// A record as the reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerfRecord {
    /// The CPU in whose buffer it was.
    pub cpu: CpuId,
    /// Its bytes, without the padding that a real reader sees at their end.
    pub data: Vec<u8>,
}

/// `perf_event_array`.
#[derive(Debug)]
pub struct PerfEventArray {
    count: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By open slot, the bytes in its buffer.
    open: BTreeMap<u32, usize>,
    records: VecDeque<PerfRecord>,
    lost: u64,
}

impl PerfEventArray {
    pub(super) fn new(shape: &Shape, cpus: Cpus) -> PerfEventArray {
        let open = (0..shape.max_entries.min(cpus.count()))
            .map(|cpu| (cpu, 0))
            .collect();
        let inner = Mutex::new(Inner {
            open,
            ..Inner::default()
        });
        PerfEventArray {
            count: shape.max_entries,
            inner,
        }
    }

    /// Whether a slot has an event.
    pub fn is_open(&self, index: u32) -> bool {
        self.lock().open.contains_key(&index)
    }

    /// `bpf_perf_event_output` on a CPU. A record that finds the buffer full is lost and counted.
    pub fn output(&self, cpu: CpuId, flags: u64, data: &[u8]) -> Result<(), Errno> {
        if flags & !INDEX_MASK != 0 {
            return Err(Errno::EINVAL);
        }
        let index = match flags & INDEX_MASK {
            CURRENT_CPU => cpu.0,
            index => index as u32,
        };
        if index >= self.count {
            return Err(Errno::E2BIG);
        }
        let mut inner = self.lock();
        let used = *inner.open.get(&index).ok_or(Errno::ENOENT)?;
        if index != cpu.0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let size = data.len().saturating_add(OVERHEAD).next_multiple_of(8);
        if used.saturating_add(size) > CAPACITY {
            inner.lost += 1;
            return Err(Errno::ENOSPC);
        }
        inner.open.insert(index, used + size);
        inner.records.push_back(PerfRecord {
            cpu,
            data: data.to_vec(),
        });
        Ok(())
    }

    /// Takes all records, in the order in which they were written.
    pub fn drain(&self) -> Vec<PerfRecord> {
        let mut inner = self.lock();
        inner.open.values_mut().for_each(|used| *used = 0);
        inner.records.drain(..).collect()
    }

    /// How many records found their buffer full.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for PerfEventArray {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, key: &[u8]) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        match self.lock().open.remove(&index) {
            _ if index >= self.count => Err(Errno::E2BIG),
            Some(_) => Ok(()),
            None => Err(Errno::ENOENT),
        }
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        next_index(key, self.count)
    }

    fn update_user(&self, _: &MapEnv<'_>, key: &[u8], _: &[u8], flags: u64) -> Result<(), Errno> {
        let index = index_of(key).ok_or(Errno::EINVAL)?;
        match index {
            _ if flags != BPF_ANY => Err(Errno::EINVAL),
            _ if index >= self.count => Err(Errno::E2BIG),
            _ => {
                self.lock().open.entry(index).or_insert(0);
                Ok(())
            }
        }
    }

    fn release(&self, _memory: &Memory) {}
}
