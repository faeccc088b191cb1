//! Sections in which RCU protects, or nothing preempts: the verifier sees to it that they are closed.
//!
//! One program runs on a CPU at a time, and nothing is freed while it does: there is nothing to hold back.

use super::{Call, Entry, Reply};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_rcu_read_lock", 0, nothing),
    Entry::new("bpf_rcu_read_unlock", 0, nothing),
    Entry::new("bpf_preempt_disable", 0, nothing),
    Entry::new("bpf_preempt_enable", 0, nothing),
];

/// `void bpf_rcu_read_lock(void)` and the like.
fn nothing(_: &mut Call<'_>) -> Reply {
    Ok(0)
}
