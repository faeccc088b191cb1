//! Kernel functions that programs call by name: the first release of those that are known.
//!
//! They are no stable interface: a later kernel may drop or change one. A row is the release in which the
//! function first had this name, from the git history of the file that defines it; a name that ends with `*` stands for all that start so.

use super::Version;

/// Name and first release, by release.
#[rustfmt::skip]
const TABLE: &[(&str, Version)] = &[
    ("tcp_reno_*", Version::new(5, 13)),
    ("tcp_slow_start", Version::new(5, 13)),
    ("tcp_cong_avoid_ai", Version::new(5, 13)),
    ("cubictcp_*", Version::new(5, 13)),
    ("dctcp_*", Version::new(5, 13)),
    ("bbr_*", Version::new(5, 13)),
    ("bpf_xdp_ct_lookup", Version::new(5, 18)),
    ("bpf_skb_ct_lookup", Version::new(5, 18)),
    ("bpf_ct_release", Version::new(5, 18)),
    ("bpf_xdp_ct_alloc", Version::new(6, 0)),
    ("bpf_skb_ct_alloc", Version::new(6, 0)),
    ("bpf_ct_insert_entry", Version::new(6, 0)),
    ("bpf_ct_set_timeout", Version::new(6, 0)),
    ("bpf_ct_change_timeout", Version::new(6, 0)),
    ("bpf_ct_set_status", Version::new(6, 0)),
    ("bpf_ct_change_status", Version::new(6, 0)),
    ("bpf_ct_set_nat_info", Version::new(6, 1)),
    ("bpf_lookup_user_key", Version::new(6, 1)),
    ("bpf_lookup_system_key", Version::new(6, 1)),
    ("bpf_key_put", Version::new(6, 1)),
    ("bpf_verify_pkcs7_signature", Version::new(6, 1)),
    ("crash_kexec", Version::new(6, 1)),
    ("cgroup_rstat_updated", Version::new(6, 1)),
    ("cgroup_rstat_flush", Version::new(6, 1)),
    ("bpf_obj_new_impl", Version::new(6, 2)),
    ("bpf_obj_drop_impl", Version::new(6, 2)),
    ("bpf_list_pop_front", Version::new(6, 2)),
    ("bpf_list_pop_back", Version::new(6, 2)),
    ("bpf_task_acquire", Version::new(6, 2)),
    ("bpf_task_release", Version::new(6, 2)),
    ("bpf_task_from_pid", Version::new(6, 2)),
    ("bpf_cgroup_acquire", Version::new(6, 2)),
    ("bpf_cgroup_release", Version::new(6, 2)),
    ("bpf_cgroup_ancestor", Version::new(6, 2)),
    ("bpf_rcu_read_lock", Version::new(6, 2)),
    ("bpf_rcu_read_unlock", Version::new(6, 2)),
    ("bpf_rdonly_cast", Version::new(6, 2)),
    ("bpf_cast_to_kern_ctx", Version::new(6, 2)),
    ("bpf_rbtree_first", Version::new(6, 3)),
    ("bpf_rbtree_remove", Version::new(6, 3)),
    ("bpf_xdp_metadata_rx_timestamp", Version::new(6, 3)),
    ("bpf_xdp_metadata_rx_hash", Version::new(6, 3)),
    ("hid_bpf_*", Version::new(6, 3)),
    ("bpf_cgroup_from_id", Version::new(6, 4)),
    ("bpf_dynptr_from_skb", Version::new(6, 4)),
    ("bpf_dynptr_from_xdp", Version::new(6, 4)),
    ("bpf_dynptr_slice", Version::new(6, 4)),
    ("bpf_dynptr_slice_rdwr", Version::new(6, 4)),
    ("bpf_iter_num_*", Version::new(6, 4)),
    ("bpf_list_push_front_impl", Version::new(6, 4)),
    ("bpf_list_push_back_impl", Version::new(6, 4)),
    ("bpf_rbtree_add_impl", Version::new(6, 4)),
    ("bpf_refcount_acquire_impl", Version::new(6, 4)),
    ("bpf_dynptr_adjust", Version::new(6, 5)),
    ("bpf_dynptr_is_null", Version::new(6, 5)),
    ("bpf_dynptr_is_rdonly", Version::new(6, 5)),
    ("bpf_dynptr_size", Version::new(6, 5)),
    ("bpf_dynptr_clone", Version::new(6, 5)),
    ("bpf_sock_destroy", Version::new(6, 5)),
    ("bpf_task_under_cgroup", Version::new(6, 5)),
    ("bpf_cpumask_any_distribute", Version::new(6, 5)),
    ("bpf_cpumask_any_and_distribute", Version::new(6, 5)),
    ("bpf_cpumask_first_and", Version::new(6, 5)),
    ("bpf_map_sum_elem_count", Version::new(6, 6)),
    ("bpf_throw", Version::new(6, 7)),
    ("bpf_percpu_obj_new_impl", Version::new(6, 7)),
    ("bpf_percpu_obj_drop_impl", Version::new(6, 7)),
    ("bpf_iter_task_*", Version::new(6, 7)),
    ("bpf_iter_css_*", Version::new(6, 7)),
    ("bpf_sock_addr_set_sun_path", Version::new(6, 7)),
    ("bpf_cpumask_weight", Version::new(6, 8)),
    ("bpf_task_get_cgroup1", Version::new(6, 8)),
    ("bpf_get_file_xattr", Version::new(6, 8)),
    ("bpf_get_fsverity_digest", Version::new(6, 8)),
    ("bpf_xdp_metadata_rx_vlan_tag", Version::new(6, 8)),
    ("bpf_xdp_get_xfrm_state", Version::new(6, 8)),
    ("bpf_xdp_xfrm_state_release", Version::new(6, 8)),
    ("bpf_arena_alloc_pages", Version::new(6, 9)),
    ("bpf_arena_free_pages", Version::new(6, 9)),
    ("bpf_sk_assign_tcp_reqsk", Version::new(6, 9)),
    ("bpf_wq_*", Version::new(6, 10)),
    ("bpf_preempt_disable", Version::new(6, 10)),
    ("bpf_preempt_enable", Version::new(6, 10)),
    ("bpf_session_*", Version::new(6, 10)),
    ("bpf_crypto_*", Version::new(6, 10)),
    ("bpf_iter_bits_*", Version::new(6, 11)),
    ("bpf_xdp_flow_lookup", Version::new(6, 11)),
    ("bpf_copy_from_user_str", Version::new(6, 12)),
    ("bpf_get_dentry_xattr", Version::new(6, 12)),
    ("bpf_get_task_exe_file", Version::new(6, 12)),
    ("bpf_put_file", Version::new(6, 12)),
    ("bpf_path_d_path", Version::new(6, 12)),
    ("scx_bpf_*", Version::new(6, 12)),
    // After those that came later and start the same.
    ("bpf_cpumask_*", Version::new(6, 3)),
];

/// The release that brought a function, if that is known.
pub fn since(name: &str) -> Option<Version> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    TABLE
        .iter()
        .find(|(pattern, _)| matches(pattern))
        .map(|row| row.1)
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
        let missing: Vec<&str> = TABLE
            .iter()
            .map(|row| row.0)
            .filter(|name| !name.ends_with('*') && !is_module(name))
            .filter(|name| kernel.find(name, KindFilter::FUNC).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
