//! Ring buffers: records that programs reserve, fill, and submit or discard, for one reader.
//!
//! Only the accounting is a ring's: a reserved record is an object of guest memory of its exact
//! size, so that an access past its end or after its submission is seen.
//!
//! Rules, as the kernel's:
//! - A record takes its bytes, rounded up to 8, and 8 bytes of header. The ring is never filled to
//!   the last byte.
//! - The reader sees records in the order of their reservation, and none behind one that is
//!   reserved still. Discarded ones take room until the reader has passed them.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{Addr, Errno, Memory, ObjectKind, ObjectSpec};

use super::Shape;
use super::ops::{MapEnv, MapOps};

/// Bytes before each record (`BPF_RINGBUF_HDR_SZ`).
const HEADER: u64 = 8;

/// Largest record: a quarter of what 32 bits count.
const MAX_RECORD: u64 = (u32::MAX / 4) as u64;

/// `BPF_RB_NO_WAKEUP` and `BPF_RB_FORCE_WAKEUP`.
const WAKEUP_FLAGS: u64 = 3;

/// `ringbuf`.
#[derive(Debug)]
pub struct Ringbuf {
    size: u64,
    record: ObjectSpec,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
    consumer: u64,
    producer: u64,
    /// Reservations and outputs that found no room.
    refused: u64,
}

#[derive(Debug)]
struct Entry {
    /// Bytes in the ring.
    len: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Busy(Addr),
    Submitted(Vec<u8>),
    Discarded,
}

impl Ringbuf {
    pub(super) fn new(shape: &Shape) -> Ringbuf {
        let owner = shape.owner.clone();
        let record = ObjectSpec::new(ObjectKind::RingbufRecord, shape.name.clone(), owner);
        Ringbuf {
            size: u64::from(shape.max_entries),
            record,
            inner: Mutex::default(),
        }
    }

    /// `bpf_ringbuf_reserve`: a zeroed record, or none if flags are given or there is no room.
    pub fn reserve(&self, memory: &Memory, size: u64, flags: u64) -> Option<Addr> {
        if flags != 0 {
            return None;
        }
        let mut inner = self.lock();
        let Some(len) = self.room_for(&inner, size) else {
            inner.refused += 1;
            return None;
        };
        let record = memory.allocate(size, &self.record).ok()?;
        inner.push(len, State::Busy(record));
        Some(record)
    }

    /// `bpf_ringbuf_submit`: hands a reserved record to the reader.
    pub fn submit(&self, memory: &Memory, record: Addr) -> Result<(), Errno> {
        let mut inner = self.lock();
        let entry = inner.busy(record).ok_or(Errno::EINVAL)?;
        let len = memory
            .describe(record)
            .and_then(|object| u32::try_from(object.len).ok());
        let data = memory
            .peek_vec(record, len.unwrap_or(0))
            .map_err(|_| Errno::EFAULT)?;
        entry.state = State::Submitted(data);
        memory.free(record);
        Ok(())
    }

    /// `bpf_ringbuf_discard`: gives a reserved record up.
    pub fn discard(&self, memory: &Memory, record: Addr) -> Result<(), Errno> {
        let mut inner = self.lock();
        inner.busy(record).ok_or(Errno::EINVAL)?.state = State::Discarded;
        memory.free(record);
        Ok(())
    }

    /// `bpf_ringbuf_output`: reserves, fills and submits at once.
    pub fn output(&self, data: &[u8], flags: u64) -> Result<(), Errno> {
        if flags & !WAKEUP_FLAGS != 0 {
            return Err(Errno::EINVAL);
        }
        let mut inner = self.lock();
        let Some(len) = self.room_for(&inner, data.len() as u64) else {
            inner.refused += 1;
            return Err(Errno::EAGAIN);
        };
        inner.push(len, State::Submitted(data.to_vec()));
        Ok(())
    }

    /// `bpf_ringbuf_query`: unread bytes, size, and the positions of reader and writers.
    pub fn query(&self, flags: u64) -> u64 {
        let inner = self.lock();
        match flags {
            0 => inner.producer - inner.consumer,
            1 => self.size,
            2 => inner.consumer,
            3 => inner.producer,
            _ => 0,
        }
    }

    /// Takes all records that the reader may see.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        let mut inner = self.lock();
        let mut records = Vec::new();
        while let Some(entry) = inner.entries.pop_front_if(|entry| !entry.is_busy()) {
            inner.consumer += entry.len;
            if let State::Submitted(data) = entry.state {
                records.push(data);
            }
        }
        records
    }

    /// How many reservations and outputs found no room.
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Records that are reserved and neither submitted nor discarded.
    pub fn reserved(&self) -> Vec<Addr> {
        let inner = self.lock();
        let busy = |entry: &Entry| match entry.state {
            State::Busy(record) => Some(record),
            State::Submitted(_) | State::Discarded => None,
        };
        inner.entries.iter().filter_map(busy).collect()
    }

    /// The bytes a record would take, if there is room.
    fn room_for(&self, inner: &Inner, size: u64) -> Option<u64> {
        let len = (size <= MAX_RECORD).then(|| (size + HEADER).next_multiple_of(8))?;
        let used = inner.producer - inner.consumer;
        (used + len < self.size).then_some(len)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, len: u64, state: State) {
        self.producer += len;
        self.entries.push_back(Entry { len, state });
    }

    /// The entry of a reserved record; the newest are asked first.
    fn busy(&mut self, record: Addr) -> Option<&mut Entry> {
        let is_it = |entry: &&mut Entry| matches!(entry.state, State::Busy(addr) if addr == record);
        self.entries.iter_mut().rev().find(is_it)
    }
}

impl Entry {
    fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy(_))
    }
}

impl MapOps for Ringbuf {
    fn lookup(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Addr> {
        None
    }

    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn next_key(&self, _env: &MapEnv<'_>, _key: Option<&[u8]>) -> Option<Vec<u8>> {
        None
    }

    fn lookup_user(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn update_user(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn release(&self, memory: &Memory) {
        self.reserved()
            .into_iter()
            .for_each(|record| memory.free(record));
    }
}
