//! Kernel functions that programs call by name: their first release, who may call them, what they promise.
//!
//! They are no stable interface: a later kernel may drop or change one. The release is the one in which the
//! function first had this name, from the git history of the file that defines it. Types and flags are those of
//! Linux 6.12, from its documentation (bpf/kfuncs.rst) and from asking it for every type of program.
//! What is known of a function by its release alone stands in `RELEASES`; a name there that ends with `*`
//! stands for all that start so.
//!
//! To add a kfunc: a row in `TABLE`; if it does more than take and give references, `src/verifier/kfunc`.

use super::{AttachType, ProgType, Version};

/// A kernel function that programs may call.
#[derive(Debug)]
pub struct Kfunc {
    /// Its name.
    pub name: &'static str,
    /// The release that brought it.
    pub since: Version,
    /// Who may call it: of [`hooks`].
    hooks: u32,
    /// What it promises and asks for: of [`flag`].
    flags: u16,
}

/// What a kernel function promises and asks for (`KF_*`).
pub mod flag {
    /// Its result must be released.
    pub const ACQUIRE: u16 = 1 << 0;
    /// It releases its argument.
    pub const RELEASE: u16 = 1 << 1;
    /// Its result may be null.
    pub const RET_NULL: u16 = 1 << 2;
    /// Its pointers must be referenced or trusted.
    pub const TRUSTED_ARGS: u16 = 1 << 3;
    /// It may sleep.
    pub const SLEEPABLE: u16 = 1 << 4;
    /// It may bring the machine down.
    pub const DESTRUCTIVE: u16 = 1 << 5;
    /// Its pointers may also be ones that RCU protects.
    pub const RCU: u16 = 1 << 6;
    /// It starts an iterator.
    pub const ITER_NEW: u16 = 1 << 7;
    /// It advances an iterator.
    pub const ITER_NEXT: u16 = 1 << 8;
    /// It ends an iterator.
    pub const ITER_DESTROY: u16 = 1 << 9;
    /// Its iterator is only valid within the RCU section that it was started in.
    pub const RCU_PROTECTED: u16 = 1 << 10;
    /// Compilers may keep values in registers across it.
    pub const FASTCALL: u16 = 1 << 11;
}

/// Groups of program types, as functions are registered for.
mod hooks {
    pub(super) const COMMON: u32 = u32::MAX;
    pub(super) const XDP: u32 = 1 << 0;
    pub(super) const SCHED_CLS: u32 = 1 << 1;
    pub(super) const STRUCT_OPS: u32 = 1 << 2;
    pub(super) const TRACING: u32 = 1 << 3;
    pub(super) const SYSCALL: u32 = 1 << 4;
    pub(super) const CGROUP: u32 = 1 << 5;
    pub(super) const SCHED_ACT: u32 = 1 << 6;
    pub(super) const SK_SKB: u32 = 1 << 7;
    pub(super) const SOCKET_FILTER: u32 = 1 << 8;
    pub(super) const LWT: u32 = 1 << 9;
    pub(super) const NETFILTER: u32 = 1 << 10;
    pub(super) const KPROBE: u32 = 1 << 11;
    /// Of the tracing types, only LSM programs.
    pub(super) const LSM_ONLY: u32 = 1 << 12;
    /// Of the tracing types, only iterators.
    pub(super) const ITERATORS: u32 = 1 << 13;
    /// Of the probes, only those of a session.
    pub(super) const KPROBE_SESSION: u32 = 1 << 14;
    /// Types without functions of their own.
    pub(super) const OTHER: u32 = 1 << 15;
    pub(super) const GENERIC: u32 = SCHED_CLS | XDP | TRACING | STRUCT_OPS | SYSCALL | CGROUP;
    pub(super) const TRACING_LIKE: u32 = TRACING | STRUCT_OPS | SYSCALL;
    pub(super) const SKB: u32 =
        SCHED_CLS | SCHED_ACT | SK_SKB | SOCKET_FILTER | CGROUP | LWT | NETFILTER | TRACING;
}

/// What is known in full, by no order.
#[rustfmt::skip]
const TABLE: &[Kfunc] = &[
    Kfunc { name: "bpf_obj_new_impl", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_percpu_obj_new_impl", since: Version::new(6, 7), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_list_pop_front", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_list_pop_back", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_rbtree_remove", since: Version::new(6, 3), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_cgroup_from_id", since: Version::new(6, 4), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_task_from_pid", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "crash_kexec", since: Version::new(6, 1), hooks: hooks::GENERIC, flags: flag::DESTRUCTIVE },
    Kfunc { name: "bpf_obj_drop_impl", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::RELEASE },
    Kfunc { name: "bpf_percpu_obj_drop_impl", since: Version::new(6, 7), hooks: hooks::GENERIC, flags: flag::RELEASE },
    Kfunc { name: "bpf_task_release", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::RELEASE },
    Kfunc { name: "bpf_cgroup_release", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::RELEASE },
    Kfunc { name: "bpf_refcount_acquire_impl", since: Version::new(6, 4), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_task_acquire", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_cgroup_acquire", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_cgroup_ancestor", since: Version::new(6, 2), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_task_get_cgroup1", since: Version::new(6, 8), hooks: hooks::GENERIC, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_list_push_front_impl", since: Version::new(6, 4), hooks: hooks::GENERIC, flags: 0 },
    Kfunc { name: "bpf_list_push_back_impl", since: Version::new(6, 4), hooks: hooks::GENERIC, flags: 0 },
    Kfunc { name: "bpf_rbtree_add_impl", since: Version::new(6, 4), hooks: hooks::GENERIC, flags: 0 },
    Kfunc { name: "bpf_throw", since: Version::new(6, 7), hooks: hooks::GENERIC, flags: 0 },
    Kfunc { name: "bpf_rbtree_first", since: Version::new(6, 3), hooks: hooks::GENERIC, flags: flag::RET_NULL },
    Kfunc { name: "bpf_task_under_cgroup", since: Version::new(6, 5), hooks: hooks::GENERIC, flags: flag::RCU },
    Kfunc { name: "bpf_cast_to_kern_ctx", since: Version::new(6, 2), hooks: hooks::COMMON, flags: flag::FASTCALL },
    Kfunc { name: "bpf_rdonly_cast", since: Version::new(6, 2), hooks: hooks::COMMON, flags: flag::FASTCALL },
    Kfunc { name: "bpf_rcu_read_lock", since: Version::new(6, 2), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_rcu_read_unlock", since: Version::new(6, 2), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_adjust", since: Version::new(6, 5), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_is_null", since: Version::new(6, 5), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_is_rdonly", since: Version::new(6, 5), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_size", since: Version::new(6, 5), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_clone", since: Version::new(6, 5), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_wq_init", since: Version::new(6, 10), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_wq_set_callback_impl", since: Version::new(6, 10), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_wq_start", since: Version::new(6, 10), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_preempt_disable", since: Version::new(6, 10), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_preempt_enable", since: Version::new(6, 10), hooks: hooks::COMMON, flags: 0 },
    Kfunc { name: "bpf_dynptr_slice", since: Version::new(6, 4), hooks: hooks::COMMON, flags: flag::RET_NULL },
    Kfunc { name: "bpf_dynptr_slice_rdwr", since: Version::new(6, 4), hooks: hooks::COMMON, flags: flag::RET_NULL },
    Kfunc { name: "bpf_iter_num_new", since: Version::new(6, 4), hooks: hooks::COMMON, flags: flag::ITER_NEW },
    Kfunc { name: "bpf_iter_num_next", since: Version::new(6, 4), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_num_destroy", since: Version::new(6, 4), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_iter_bits_new", since: Version::new(6, 11), hooks: hooks::COMMON, flags: flag::ITER_NEW },
    Kfunc { name: "bpf_iter_bits_next", since: Version::new(6, 11), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_bits_destroy", since: Version::new(6, 11), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_iter_task_vma_new", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEW | flag::RCU },
    Kfunc { name: "bpf_iter_task_vma_next", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_task_vma_destroy", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_iter_css_task_new", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEW | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_iter_css_task_next", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_css_task_destroy", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_iter_css_new", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEW | flag::TRUSTED_ARGS | flag::RCU_PROTECTED },
    Kfunc { name: "bpf_iter_css_next", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_css_destroy", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_iter_task_new", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEW | flag::TRUSTED_ARGS | flag::RCU_PROTECTED },
    Kfunc { name: "bpf_iter_task_next", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_NEXT | flag::RET_NULL },
    Kfunc { name: "bpf_iter_task_destroy", since: Version::new(6, 7), hooks: hooks::COMMON, flags: flag::ITER_DESTROY },
    Kfunc { name: "bpf_copy_from_user_str", since: Version::new(6, 12), hooks: hooks::COMMON, flags: flag::SLEEPABLE },
    Kfunc { name: "bpf_arena_alloc_pages", since: Version::new(6, 9), hooks: hooks::COMMON, flags: flag::SLEEPABLE | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_arena_free_pages", since: Version::new(6, 9), hooks: hooks::COMMON, flags: flag::SLEEPABLE | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_map_sum_elem_count", since: Version::new(6, 6), hooks: hooks::COMMON, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_cpumask_create", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_cpumask_acquire", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::ACQUIRE | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_cpumask_release", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RELEASE },
    Kfunc { name: "bpf_cpumask_first", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_first_zero", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_first_and", since: Version::new(6, 5), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_set_cpu", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_clear_cpu", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_test_cpu", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_test_and_set_cpu", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_test_and_clear_cpu", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_setall", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_clear", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_and", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_or", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_xor", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_equal", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_intersects", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_subset", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_empty", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_full", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_copy", since: Version::new(6, 3), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_any_distribute", since: Version::new(6, 5), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_any_and_distribute", since: Version::new(6, 5), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_cpumask_weight", since: Version::new(6, 8), hooks: hooks::TRACING_LIKE, flags: flag::RCU },
    Kfunc { name: "bpf_get_task_exe_file", since: Version::new(6, 12), hooks: hooks::LSM_ONLY, flags: flag::ACQUIRE | flag::RET_NULL | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_put_file", since: Version::new(6, 12), hooks: hooks::LSM_ONLY, flags: flag::RELEASE },
    Kfunc { name: "bpf_path_d_path", since: Version::new(6, 12), hooks: hooks::LSM_ONLY, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_get_dentry_xattr", since: Version::new(6, 12), hooks: hooks::LSM_ONLY, flags: flag::SLEEPABLE | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_get_file_xattr", since: Version::new(6, 8), hooks: hooks::LSM_ONLY, flags: flag::SLEEPABLE | flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_get_fsverity_digest", since: Version::new(6, 8), hooks: hooks::LSM_ONLY, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_lookup_user_key", since: Version::new(6, 1), hooks: hooks::TRACING, flags: flag::ACQUIRE | flag::RET_NULL | flag::SLEEPABLE },
    Kfunc { name: "bpf_lookup_system_key", since: Version::new(6, 1), hooks: hooks::TRACING, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_key_put", since: Version::new(6, 1), hooks: hooks::TRACING, flags: flag::RELEASE },
    Kfunc { name: "bpf_verify_pkcs7_signature", since: Version::new(6, 1), hooks: hooks::TRACING, flags: flag::SLEEPABLE },
    Kfunc { name: "cgroup_rstat_updated", since: Version::new(6, 1), hooks: hooks::TRACING, flags: 0 },
    Kfunc { name: "cgroup_rstat_flush", since: Version::new(6, 1), hooks: hooks::TRACING, flags: flag::SLEEPABLE },
    Kfunc { name: "bpf_crypto_ctx_create", since: Version::new(6, 10), hooks: hooks::SYSCALL, flags: flag::ACQUIRE | flag::RET_NULL | flag::SLEEPABLE },
    Kfunc { name: "bpf_crypto_ctx_acquire", since: Version::new(6, 10), hooks: hooks::SYSCALL, flags: flag::ACQUIRE | flag::RET_NULL | flag::RCU },
    Kfunc { name: "bpf_crypto_ctx_release", since: Version::new(6, 10), hooks: hooks::SYSCALL, flags: flag::RELEASE },
    Kfunc { name: "bpf_crypto_encrypt", since: Version::new(6, 10), hooks: hooks::SCHED_CLS | hooks::SCHED_ACT | hooks::XDP, flags: flag::RCU },
    Kfunc { name: "bpf_crypto_decrypt", since: Version::new(6, 10), hooks: hooks::SCHED_CLS | hooks::SCHED_ACT | hooks::XDP, flags: flag::RCU },
    Kfunc { name: "bpf_xdp_ct_alloc", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_xdp_ct_lookup", since: Version::new(5, 18), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_skb_ct_alloc", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_skb_ct_lookup", since: Version::new(5, 18), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::ACQUIRE | flag::RET_NULL },
    Kfunc { name: "bpf_ct_insert_entry", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::ACQUIRE | flag::RET_NULL | flag::RELEASE },
    Kfunc { name: "bpf_ct_release", since: Version::new(5, 18), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::RELEASE },
    Kfunc { name: "bpf_ct_set_timeout", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_ct_change_timeout", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_ct_set_status", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_ct_change_status", since: Version::new(6, 0), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_ct_set_nat_info", since: Version::new(6, 1), hooks: hooks::XDP | hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_sock_destroy", since: Version::new(6, 5), hooks: hooks::ITERATORS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_session_is_return", since: Version::new(6, 10), hooks: hooks::KPROBE_SESSION, flags: 0 },
    Kfunc { name: "bpf_session_cookie", since: Version::new(6, 10), hooks: hooks::KPROBE_SESSION, flags: 0 },
    Kfunc { name: "bpf_kfunc_call_test_release", since: Version::new(5, 18), hooks: hooks::SCHED_CLS | hooks::TRACING | hooks::SYSCALL, flags: flag::RELEASE },
    Kfunc { name: "bpf_dynptr_from_skb", since: Version::new(6, 4), hooks: hooks::SKB, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "bpf_dynptr_from_xdp", since: Version::new(6, 4), hooks: hooks::XDP, flags: 0 },
    Kfunc { name: "bpf_xdp_metadata_rx_timestamp", since: Version::new(6, 3), hooks: hooks::XDP, flags: 0 },
    Kfunc { name: "bpf_xdp_metadata_rx_hash", since: Version::new(6, 3), hooks: hooks::XDP, flags: 0 },
    Kfunc { name: "bpf_xdp_metadata_rx_vlan_tag", since: Version::new(6, 8), hooks: hooks::XDP, flags: 0 },
    Kfunc { name: "bpf_sock_addr_set_sun_path", since: Version::new(6, 7), hooks: hooks::CGROUP, flags: 0 },
    Kfunc { name: "bpf_sk_assign_tcp_reqsk", since: Version::new(6, 9), hooks: hooks::SCHED_CLS, flags: flag::TRUSTED_ARGS },
    Kfunc { name: "tcp_reno_ssthresh", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "tcp_reno_cong_avoid", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "tcp_reno_undo_cwnd", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "tcp_slow_start", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "tcp_cong_avoid_ai", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_init", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_recalc_ssthresh", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_cong_avoid", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_state", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_cwnd_event", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
    Kfunc { name: "cubictcp_acked", since: Version::new(5, 13), hooks: hooks::STRUCT_OPS, flags: 0 },
];

/// What is known by its release alone.
#[rustfmt::skip]
const RELEASES: &[(&str, Version)] = &[
    ("dctcp_*", Version::new(5, 13)),
    ("bbr_*", Version::new(5, 13)),
    ("hid_bpf_*", Version::new(6, 3)),
    ("bpf_xdp_get_xfrm_state", Version::new(6, 8)),
    ("bpf_xdp_xfrm_state_release", Version::new(6, 8)),
    ("bpf_xdp_flow_lookup", Version::new(6, 11)),
    ("scx_bpf_*", Version::new(6, 12)),
];

impl Kfunc {
    /// Whether it has that flag of [`flag`].
    pub fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Whether its pointers must be trusted: releasing asks for that too.
    pub fn trusts(&self) -> bool {
        self.has(flag::TRUSTED_ARGS | flag::RELEASE)
    }

    /// Whether programs of that type may call it.
    pub fn is_for(&self, prog_type: ProgType, attach_type: Option<AttachType>) -> bool {
        self.hooks & groups_of(prog_type, attach_type) != 0
    }
}

/// The groups that a type of program belongs to.
fn groups_of(prog_type: ProgType, attach_type: Option<AttachType>) -> u32 {
    match prog_type {
        ProgType::Xdp => hooks::XDP,
        ProgType::SchedCls => hooks::SCHED_CLS,
        ProgType::SchedAct => hooks::SCHED_ACT,
        ProgType::StructOps => hooks::STRUCT_OPS,
        ProgType::Lsm => hooks::TRACING | hooks::LSM_ONLY,
        ProgType::Tracing if attach_type == Some(AttachType::TraceIter) => {
            hooks::TRACING | hooks::ITERATORS
        }
        ProgType::Tracing | ProgType::Tracepoint | ProgType::PerfEvent => hooks::TRACING,
        ProgType::Syscall => hooks::SYSCALL,
        ProgType::CgroupSkb
        | ProgType::CgroupSockAddr
        | ProgType::CgroupSock
        | ProgType::CgroupDevice
        | ProgType::CgroupSockopt
        | ProgType::CgroupSysctl => hooks::CGROUP,
        ProgType::SkSkb => hooks::SK_SKB,
        ProgType::SocketFilter => hooks::SOCKET_FILTER,
        ProgType::LwtIn | ProgType::LwtOut | ProgType::LwtXmit | ProgType::LwtSeg6local => {
            hooks::LWT
        }
        ProgType::Netfilter => hooks::NETFILTER,
        ProgType::Kprobe if attach_type == Some(AttachType::TraceKprobeSession) => {
            hooks::KPROBE | hooks::KPROBE_SESSION
        }
        ProgType::Kprobe => hooks::KPROBE,
        ProgType::Unspec
        | ProgType::SockOps
        | ProgType::SkMsg
        | ProgType::RawTracepoint
        | ProgType::RawTracepointWritable
        | ProgType::LircMode2
        | ProgType::SkReuseport
        | ProgType::FlowDissector
        | ProgType::Ext
        | ProgType::SkLookup => hooks::OTHER,
    }
}

/// Every function that is known in full.
pub fn all() -> impl Iterator<Item = &'static Kfunc> {
    TABLE.iter()
}

/// The function of that name, if it is known in full.
pub fn by_name(name: &str) -> Option<&'static Kfunc> {
    TABLE.iter().find(|row| row.name == name)
}

/// The release that brought a function, if that is known.
pub fn since(name: &str) -> Option<Version> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let known = by_name(name).map(|row| row.since);
    let release = || RELEASES.iter().find(|(pattern, _)| matches(pattern));
    known.or_else(|| release().map(|row| row.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{KindFilter, kernel_6_12};

    #[test]
    fn functions_are_found_by_name_and_by_what_they_start_with() {
        assert_eq!(since("bpf_throw"), Some(Version::new(6, 7)));
        assert_eq!(since("bpf_cpumask_weight"), Some(Version::new(6, 8)));
        assert_eq!(since("bpf_cpumask_create"), Some(Version::new(6, 3)));
        assert_eq!(since("printk"), None);
    }

    #[test]
    fn functions_without_a_star_are_in_the_embedded_kernel() {
        // Connection tracking and flow tables are modules in Debian's kernel.
        let is_module = |name: &str| name.contains("ct_") || name == "bpf_xdp_flow_lookup";
        let kernel = kernel_6_12();
        let releases = RELEASES.iter().map(|row| row.0);
        let missing: Vec<&str> = TABLE
            .iter()
            .map(|row| row.name)
            .chain(releases)
            .filter(|name| !name.ends_with('*') && !is_module(name))
            .filter(|name| kernel.find(name, KindFilter::FUNC).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
