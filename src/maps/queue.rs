//! Queues and stacks: values without keys.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::{
    Addr, Errno, Memory, ObjectKind, ObjectSpec, OutOfMemory, ProgramAccess, Stride,
};

use super::Shape;
use super::ops::{BPF_ANY, BPF_EXIST, MapEnv, MapOps};

/// Which end values are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discipline {
    /// The oldest first.
    Queue,
    /// The newest first.
    Stack,
}

/// `queue` and `stack`.
#[derive(Debug)]
pub struct Queue {
    discipline: Discipline,
    /// A ring of values.
    ring: Addr,
    capacity: u64,
    value_size: u32,
    stride: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The oldest value's place in the ring.
    oldest: u64,
    len: u64,
}

impl Queue {
    pub(super) fn new(
        memory: &Memory,
        shape: &Shape,
        discipline: Discipline,
    ) -> Result<Queue, OutOfMemory> {
        let name = format!("values of {}", shape.name);
        let spec = ObjectSpec::new(ObjectKind::KernelObject, name, shape.owner.clone())
            .with_access(ProgramAccess::None);
        let stride = Stride::of(shape.value_size).map_or(0, Stride::stride);
        let capacity = u64::from(shape.max_entries);
        let ring = memory.allocate(capacity * u64::from(stride), &spec)?;
        let inner = Mutex::default();
        Ok(Queue {
            discipline,
            ring,
            capacity,
            value_size: shape.value_size,
            stride,
            inner,
        })
    }

    /// `bpf_map_push_elem`; with `BPF_EXIST` a full map loses its oldest value.
    pub fn push(&self, memory: &Memory, value: &[u8], flags: u64) -> Result<(), Errno> {
        if flags != BPF_ANY && flags != BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let mut inner = self.lock();
        if inner.len == self.capacity {
            if flags != BPF_EXIST {
                return Err(Errno::E2BIG);
            }
            inner.oldest = (inner.oldest + 1) % self.capacity;
            inner.len -= 1;
        }
        super::copy_value(
            memory,
            self.place(inner.oldest + inner.len),
            value,
            self.value_size,
        )?;
        inner.len += 1;
        Ok(())
    }

    /// `bpf_map_peek_elem`: the next value, which stays.
    pub fn peek(&self, memory: &Memory) -> Result<Vec<u8>, Errno> {
        self.next(memory, &self.lock())
    }

    /// `bpf_map_pop_elem`: the next value, which goes.
    pub fn pop(&self, memory: &Memory) -> Result<Vec<u8>, Errno> {
        let mut inner = self.lock();
        let value = self.next(memory, &inner)?;
        inner.len -= 1;
        if self.discipline == Discipline::Queue {
            inner.oldest = (inner.oldest + 1) % self.capacity;
        }
        Ok(value)
    }

    /// Every value, in the order in which they would be popped.
    pub fn values(&self, memory: &Memory) -> Vec<Vec<u8>> {
        let inner = self.lock();
        let place = |n| match self.discipline {
            Discipline::Queue => self.place(inner.oldest + n),
            Discipline::Stack => self.place(inner.oldest + inner.len - 1 - n),
        };
        (0..inner.len)
            .filter_map(|n| memory.peek_vec(place(n), self.value_size).ok())
            .collect()
    }

    fn next(&self, memory: &Memory, inner: &Inner) -> Result<Vec<u8>, Errno> {
        let last = inner.len.checked_sub(1).ok_or(Errno::ENOENT)?;
        let place = match self.discipline {
            Discipline::Queue => self.place(inner.oldest),
            Discipline::Stack => self.place(inner.oldest + last),
        };
        memory
            .peek_vec(place, self.value_size)
            .map_err(|_| Errno::EFAULT)
    }

    fn place(&self, index: u64) -> Addr {
        Addr(self.ring.0 + index % self.capacity * u64::from(self.stride))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapOps for Queue {
    fn update(&self, _: &MapEnv<'_>, _: &[u8], _: &[u8], _: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn lookup_user(&self, env: &MapEnv<'_>, _key: &[u8]) -> Option<Vec<u8>> {
        self.peek(env.memory).ok()
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        _key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        self.push(env.memory, value, flags)
    }

    fn release(&self, memory: &Memory) {
        memory.free(self.ring);
    }
}
