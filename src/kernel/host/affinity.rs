//! Staying on one CPU.

#![expect(unsafe_code, reason = "system calls")]

use std::mem::MaybeUninit;

/// Where the thread may run, as it was before.
pub(super) struct Pinned(Option<libc::cpu_set_t>);

impl Pinned {
    /// Keeps the thread on a CPU for as long as the value lives, where the system lets it.
    pub(super) fn to(cpu: u32) -> Pinned {
        let mut before = MaybeUninit::<libc::cpu_set_t>::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: the set has the size that is given.
        let got = unsafe { libc::sched_getaffinity(0, size, before.as_mut_ptr()) };
        // SAFETY: zeros are a set, the empty one.
        let before = unsafe { before.assume_init() };
        let bits = u32::try_from(size.saturating_mul(8)).unwrap_or(0);
        if got != 0 || cpu >= bits {
            return Pinned(None);
        }
        // SAFETY: zeros are a set, the empty one.
        let mut wanted: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: the CPU lies in the set.
        unsafe { libc::CPU_SET(cpu as usize, &mut wanted) };
        set(&wanted)
            .then_some(before)
            .map_or(Pinned(None), |before| Pinned(Some(before)))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            set(before);
        }
    }
}

fn set(cpus: &libc::cpu_set_t) -> bool {
    // SAFETY: the set has the size that is given.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), cpus) };
    result == 0
}
