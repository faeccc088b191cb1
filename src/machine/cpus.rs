//! The simulated CPUs: how many there are, and their numbers.
//!
//! They execute nothing: which thread plays which CPU is the caller's affair.

use std::fmt;

/// Most CPUs a machine can have: the kernel's own limit in distributions (`CONFIG_NR_CPUS`).
pub const MAX_CPUS: u32 = 8192;

/// The number of a CPU, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpuId(pub u32);

impl CpuId {
    /// The number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for CpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The CPUs of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpus(u32);

impl Cpus {
    /// So many CPUs, at least 1 and at most [`MAX_CPUS`].
    pub fn new(count: u32) -> Cpus {
        Cpus(count.clamp(1, MAX_CPUS))
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        self.0
    }

    /// The CPU of that number, if there is one.
    pub fn get(self, number: u32) -> Option<CpuId> {
        (number < self.0).then_some(CpuId(number))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = CpuId> {
        (0..self.0).map(CpuId)
    }
}

impl Default for Cpus {
    /// Four.
    fn default() -> Cpus {
        Cpus(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_have_the_numbers_below_their_count() {
        let cpus = Cpus::new(2);
        assert_eq!((cpus.get(1), cpus.get(2)), (Some(CpuId(1)), None));
        assert_eq!(cpus.iter().count(), 2);
        assert_eq!(
            (Cpus::new(0).count(), Cpus::new(u32::MAX).count()),
            (1, MAX_CPUS)
        );
    }
}
