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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{Access, Addr, Errno, Fault, Memory, ObjectKind, ObjectSpec};

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
    /// The positions of reader and writers, changed under the lock only.
    consumer: AtomicU64,
    producer: AtomicU64,
    /// Reservations and outputs that found no room.
    refused: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Entry>,
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
            consumer: AtomicU64::new(0),
            producer: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            inner: Mutex::default(),
        }
    }

    /// `bpf_ringbuf_reserve`: a zeroed record, or none if flags are given or there is no room.
    pub fn reserve(&self, memory: &Memory, size: u64, flags: u64) -> Option<Addr> {
        if flags != 0 {
            return None;
        }
        let (mut inner, len) = self.lock_room(size)?;
        let record = memory.allocate(size, &self.record).ok()?;
        self.push(&mut inner, len, State::Busy(record));
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
        let room = self.lock_room(data.len() as u64);
        let (mut inner, len) = room.ok_or(Errno::EAGAIN)?;
        self.push(&mut inner, len, State::Submitted(data.to_vec()));
        Ok(())
    }

    /// As [`Ringbuf::output`], of data where a program has it.
    ///
    /// # Errors
    /// The program must not read it.
    pub fn output_from(
        &self,
        memory: &Memory,
        data: Addr,
        size: u64,
        flags: u64,
    ) -> Result<Result<(), Errno>, Fault> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if size > 0 {
            memory.check(data, size, Access::Read)?;
        }
        if flags & !WAKEUP_FLAGS != 0 {
            return Ok(Err(Errno::EINVAL));
        }
        let Some((mut inner, len)) = self.lock_room(u64::from(size)) else {
            return Ok(Err(Errno::EAGAIN));
        };
        let data = match size {
            0 => Vec::new(),
            size => memory.read_vec(data, size)?,
        };
        self.push(&mut inner, len, State::Submitted(data));
        Ok(Ok(()))
    }

    /// `bpf_ringbuf_query`: unread bytes, size, and the positions of reader and writers.
    pub fn query(&self, flags: u64) -> u64 {
        let _inner = self.lock();
        match flags {
            0 => self.used(),
            1 => self.size,
            2 => self.consumer.load(Ordering::Relaxed),
            3 => self.producer.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Takes all records that the reader may see.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        let mut inner = self.lock();
        let mut records = Vec::new();
        while let Some(entry) = inner.entries.pop_front_if(|entry| !entry.is_busy()) {
            self.consumer.fetch_add(entry.len, Ordering::Relaxed);
            if let State::Submitted(data) = entry.state {
                records.push(data);
            }
        }
        records
    }

    /// How many reservations and outputs found no room.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
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

    /// The lock, and the bytes a record takes, if there is room. A ring that is full is not locked:
    /// whoever makes room meanwhile may as well have come a moment later.
    fn lock_room(&self, size: u64) -> Option<(MutexGuard<'_, Inner>, u64)> {
        let len = (size <= MAX_RECORD).then(|| (size + HEADER).next_multiple_of(8));
        let fits = |len: &u64| self.used() + len < self.size;
        let room = len.filter(fits).and_then(|len| {
            let inner = self.lock();
            fits(&len).then_some((inner, len))
        });
        if room.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        room
    }

    /// Bytes that the reader has not passed. Without the lock it may be that of a moment that never
    /// was, but never less than nothing.
    fn used(&self) -> u64 {
        let consumer = self.consumer.load(Ordering::Relaxed);
        self.producer
            .load(Ordering::Relaxed)
            .saturating_sub(consumer)
    }

    fn push(&self, inner: &mut Inner, len: u64, state: State) {
        self.producer.fetch_add(len, Ordering::Relaxed);
        inner.entries.push_back(Entry { len, state });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
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
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOTSUPP)
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
