//! What belongs to no other family: randomness, CPUs, spin locks, return values of cgroup hooks.

use super::{Call, Entry, HelperError, Reply};
use crate::isa::{AtomicOp, Size, Width};
use crate::machine::Addr;

pub(super) const ROWS: &[Entry] = &[
    Entry::new(7, "bpf_get_prandom_u32", get_prandom_u32),
    Entry::new(8, "bpf_get_smp_processor_id", get_smp_processor_id),
    Entry::new(17, "bpf_get_cgroup_classid", zero),
    Entry::new(24, "bpf_get_route_realm", zero),
    Entry::new(42, "bpf_get_numa_node_id", zero),
    Entry::new(93, "bpf_spin_lock", spin_lock),
    Entry::new(94, "bpf_spin_unlock", spin_unlock),
    Entry::new(186, "bpf_get_retval", get_retval),
    Entry::new(187, "bpf_set_retval", set_retval),
];

/// How often a lock is tried before its holder is taken for gone.
const MAX_SPINS: u32 = 1 << 22;

/// `u32 bpf_get_prandom_u32(void)`
fn get_prandom_u32(call: &mut Call<'_>) -> Reply {
    Ok(u64::from(call.world.machine.random.next_u32()))
}

/// `u32 bpf_get_smp_processor_id(void)`
fn get_smp_processor_id(call: &mut Call<'_>) -> Reply {
    Ok(u64::from(call.world.cpu.0))
}

/// The machine has one NUMA node, and neither net_cls nor route realms.
fn zero(_call: &mut Call<'_>) -> Reply {
    Ok(0)
}

/// `long bpf_spin_lock(struct bpf_spin_lock *lock)`
fn spin_lock(call: &mut Call<'_>) -> Reply {
    let lock = Addr(call.args[0]);
    for _ in 0..MAX_SPINS {
        if call
            .memory()
            .atomic(lock, AtomicOp::Cmpxchg, Width::W32, 1, 0)?
            == 0
        {
            return Ok(0);
        }
        std::thread::yield_now();
    }
    Err(HelperError::Refused("the lock is never released"))
}

/// `long bpf_spin_unlock(struct bpf_spin_lock *lock)`
fn spin_unlock(call: &mut Call<'_>) -> Reply {
    call.memory().store(Addr(call.args[0]), Size::W, 0)?;
    Ok(0)
}

/// `int bpf_get_retval(void)`
fn get_retval(call: &mut Call<'_>) -> Reply {
    Ok(i64::from(call.state().retval) as u64)
}

/// `int bpf_set_retval(int retval)`: whatever it is.
fn set_retval(call: &mut Call<'_>) -> Reply {
    let retval = call.args[0] as i32;
    call.state().retval = retval;
    Ok(0)
}
