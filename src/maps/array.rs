//! Arrays, of one value an index or of one for each CPU.
//!
//! Every element exists from the start and none can be deleted. All elements are one object of
//! guest memory, or one for each CPU; an access must not leave the bytes of an element.

use crate::machine::{
    Addr, CpuId, Errno, Fault, Memory, ObjectKind, ObjectSpec, OutOfMemory, Stride,
};

use super::managed::{Locking, split_lock};
use super::ops::{
    BPF_F_LOCK, BPF_NOEXIST, MapEnv, MapOps, check_update_flags, index_of, next_index,
};
use super::{PerCpu, SMALL_VALUE, Shape};

/// `array` and `percpu_array`.
#[derive(Debug)]
pub struct ArrayMap {
    /// The object, or the object of each CPU.
    bases: Vec<Addr>,
    per_cpu: PerCpu,
    count: u32,
    stride: u32,
    shape: Shape,
}

impl ArrayMap {
    /// How many bytes a key has.
    pub const KEY: u32 = 4;

    pub(super) fn new(memory: &Memory, shape: &Shape) -> Result<ArrayMap, OutOfMemory> {
        let stride = Stride::of(shape.value_size).map_or(0, Stride::stride);
        let mut map = ArrayMap {
            bases: Vec::new(),
            per_cpu: shape.per_cpu,
            count: shape.max_entries,
            stride,
            shape: shape.clone(),
        };
        for name in shape.value_names() {
            let spec = ObjectSpec::new(ObjectKind::MapValue, name, shape.owner.clone())
                .with_access(shape.access)
                .with_stride(Stride::of(shape.value_size));
            match memory.allocate(u64::from(map.count) * u64::from(stride), &spec) {
                Ok(base) => map.bases.push(base),
                Err(refusal) => {
                    map.release(memory);
                    return Err(refusal);
                }
            }
        }
        Ok(map)
    }

    /// The first element, at which all of an array that is not per CPU begins.
    pub fn base(&self) -> Option<Addr> {
        match self.per_cpu {
            PerCpu::No => self.bases.first().copied(),
            PerCpu::Yes => None,
        }
    }

    /// The first element, or that of each CPU.
    pub fn bases(&self) -> &[Addr] {
        &self.bases
    }

    /// How many elements there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes from one element to the next.
    pub fn stride(&self) -> u32 {
        self.stride
    }

    /// How many bytes a value has, if [`ArrayMap::update_short`] takes it.
    pub fn small_value(&self) -> Option<u32> {
        self.shape.small_value()
    }

    /// As [`MapOps::update`], of an index and a value as [`ArrayMap::small_value`] allows, where a program has it.
    ///
    /// # Errors
    /// The program must not read the value.
    pub fn update_short(
        &self,
        env: &MapEnv<'_>,
        index: u32,
        value: Addr,
        flags: u64,
    ) -> Result<Result<(), Errno>, Fault> {
        let mut room = [0; SMALL_VALUE];
        let Some(bytes) = self.shape.read_small(env.memory, value, &mut room)? else {
            return Ok(Err(Errno::EINVAL));
        };
        Ok(self.put(env, Some(index), bytes, flags))
    }

    #[inline(always)]
    fn put(
        &self,
        env: &MapEnv<'_>,
        index: Option<u32>,
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        // To programs the kernel complains of a lock that is missing last, to user space first.
        self.check_update(index, flags & !BPF_F_LOCK)?;
        let (locking, _) = split_lock(self.shape.managed.as_ref(), flags)?;
        let addr = self.value(index, env.cpu).ok_or(Errno::E2BIG)?;
        self.write(env.memory, addr, value, locking)
    }

    #[inline(always)]
    fn value(&self, index: Option<u32>, cpu: CpuId) -> Option<Addr> {
        let index = index.filter(|index| *index < self.count)?;
        let base = match self.per_cpu {
            PerCpu::No => self.bases.first(),
            PerCpu::Yes => self.bases.get(cpu.index()),
        };
        Some(base?.offset(i64::from(index) * i64::from(self.stride)))
    }

    /// The value that an address lies in, and its key.
    pub fn around(&self, addr: Addr) -> Option<(Vec<u8>, Addr)> {
        let base = self.base()?;
        let index = addr
            .0
            .checked_sub(base.0)?
            .checked_div(u64::from(self.stride))?;
        let index = u32::try_from(index)
            .ok()
            .filter(|index| *index < self.count)?;
        let value = base.offset(i64::from(index) * i64::from(self.stride));
        Some((index.to_le_bytes().to_vec(), value))
    }

    /// Writes an element; what it held is released, as in the kernel.
    fn write(
        &self,
        memory: &Memory,
        addr: Addr,
        value: &[u8],
        locking: Locking,
    ) -> Result<(), Errno> {
        let written = match (&self.shape.managed, locking) {
            (Some(managed), Locking::Yes) => managed.write_locked(memory, addr, value),
            (_, Locking::Yes | Locking::No) => self.shape.write(memory, addr, value),
        };
        self.shape.release(addr);
        written
    }

    /// Where all elements are.
    fn places(&self) -> impl Iterator<Item = Addr> {
        let indices = 0..self.count;
        let at = |base: Addr, index: u32| base.offset(i64::from(index) * i64::from(self.stride));
        let bases = self.bases.iter();
        bases.flat_map(move |base| indices.clone().map(move |index| at(*base, index)))
    }

    fn check_update(&self, index: Option<u32>, flags: u64) -> Result<(), Errno> {
        check_update_flags(flags)?;
        match index {
            Some(index) if index >= self.count => Err(Errno::E2BIG),
            Some(_) if flags == BPF_NOEXIST => Err(Errno::EEXIST),
            Some(_) => Ok(()),
            None => Err(Errno::EINVAL),
        }
    }
}

impl MapOps for ArrayMap {
    fn lookup(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Addr> {
        self.value(index_of(key), env.cpu)
    }

    fn lookup_on(&self, _env: &MapEnv<'_>, key: &[u8], cpu: CpuId) -> Option<Addr> {
        match self.per_cpu {
            PerCpu::No => None,
            PerCpu::Yes => self.value(index_of(key), cpu),
        }
    }

    fn update(&self, env: &MapEnv<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.put(env, index_of(key), value, flags)
    }

    fn delete(&self, _env: &MapEnv<'_>, _key: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, _env: &MapEnv<'_>, key: Option<&[u8]>) -> Option<Vec<u8>> {
        next_index(key, self.count)
    }

    fn lookup_user(&self, env: &MapEnv<'_>, key: &[u8]) -> Option<Vec<u8>> {
        let cpus = (0u32..).zip(&self.bases);
        let values = cpus.map(|(cpu, _)| self.value(index_of(key), CpuId(cpu)));
        let size = self.shape.value_size;
        let values = super::gather(env.memory, values, size, self.per_cpu);
        self.shape.hide(values)
    }

    fn update_user(
        &self,
        env: &MapEnv<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let (locking, flags) = split_lock(self.shape.managed.as_ref(), flags)?;
        self.check_update(index_of(key), flags)?;
        let size = self.shape.value_size;
        let values = super::scatter(value, size, self.per_cpu, self.bases.len())?;
        for (cpu, value) in (0u32..).zip(values) {
            let addr = self.value(index_of(key), CpuId(cpu)).ok_or(Errno::E2BIG)?;
            self.write(env.memory, addr, value, locking)?;
        }
        Ok(())
    }

    fn release(&self, memory: &Memory) {
        if self.shape.managed.is_some() {
            self.places().for_each(|addr| self.shape.release(addr));
        }
        self.bases.iter().for_each(|base| memory.free(*base));
    }
}
