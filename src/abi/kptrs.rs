//! Kernel objects that programs may keep in fields of theirs, by the name of the structure.
//!
//! Linux 6.12: the types registered with `register_btf_id_dtor_kfuncs`, and `rcu_protected_types` in
//! kernel/bpf/verifier.c.

/// Structures that have a function which releases them when the field that holds them goes away.
const RELEASED: [&str; 6] = [
    "task_struct",
    "cgroup",
    "bpf_cpumask",
    "bpf_crypto_ctx",
    "prog_test_ref_kfunc",
    "prog_test_member",
];
/// Structures that live until the read-side critical section ends in which they were found.
const RCU_PROTECTED: [&str; 5] = [
    "prog_test_ref_kfunc",
    "cgroup",
    "bpf_cpumask",
    "task_struct",
    "bpf_crypto_ctx",
];

/// Whether a field may hold a reference to a kernel structure of that name.
pub fn is_released(name: &str) -> bool {
    RELEASED.contains(&name)
}

/// Whether RCU protects kernel structures of that name.
pub fn is_rcu_protected(name: &str) -> bool {
    RCU_PROTECTED.contains(&name)
}
