//! Helpers 1 to 70: number, name, first release, arguments, result, who may call; then licence,
//! packet access and effect where they are not the common ones.
//!
//! Nothing else is here; see [`super`] for what the words mean.

use super::row::{
    ANY, CTX, FILL, INT, KEY, MAP, READ, READ_OR_NULL, SIZE, SIZE_OR_ZERO, VALUE, VOID, WRITE, row,
};
use super::sets::{
    ALL, BASE, BIND, CLASSID, EVENT_OUTPUT, KPROBE, LOAD_BYTES, LOAD_RELATIVE, PERF, SK_MSG,
    SK_SKB, SOCK_OPS, SOCKET_COOKIE, SOCKET_UID, SOCKOPT, TASK_CONTEXT, TC, TC_LWT, TC_LWT_SKSKB,
    TC_LWT_XDP, TC_SKSKB, TC_XDP, TC_XDP_XMIT, TC_XMIT, TC_XMIT_SKSKB, TRACING, UID_GID, XDP,
};
use super::{Helper, RetType};
use crate::abi::Version;

const fn v(major: u16, minor: u16) -> Version {
    Version::new(major, minor)
}

/// The rows.
#[rustfmt::skip]
pub(super) static ROWS: [Helper; 70] = [
    row(1, "bpf_map_lookup_elem", v(3, 19), &[MAP, KEY], RetType::MapValueOrNull, ALL).packet(),
    row(2, "bpf_map_update_elem", v(3, 19), &[MAP, KEY, VALUE, ANY], INT, ALL).packet(),
    row(3, "bpf_map_delete_elem", v(3, 19), &[MAP, KEY], INT, ALL).packet(),
    row(4, "bpf_probe_read", v(4, 1), &[FILL, SIZE_OR_ZERO, ANY], INT, TRACING).gpl(),
    row(5, "bpf_ktime_get_ns", v(4, 1), &[], INT, ALL),
    row(6, "bpf_trace_printk", v(4, 1), &[READ, SIZE], INT, ALL).gpl(),
    row(7, "bpf_get_prandom_u32", v(4, 1), &[], INT, ALL),
    row(8, "bpf_get_smp_processor_id", v(4, 1), &[], INT, BASE),
    row(9, "bpf_skb_store_bytes", v(4, 1),
        &[CTX, ANY, READ, SIZE, ANY], INT, TC_XMIT_SKSKB).changes(),
    row(10, "bpf_l3_csum_replace", v(4, 1), &[CTX, ANY, ANY, ANY, ANY], INT, TC_XMIT).changes(),
    row(11, "bpf_l4_csum_replace", v(4, 1), &[CTX, ANY, ANY, ANY, ANY], INT, TC_XMIT).changes(),
    row(12, "bpf_tail_call", v(4, 2), &[CTX, MAP, ANY], VOID, ALL).changes(),
    row(13, "bpf_clone_redirect", v(4, 2), &[CTX, ANY, ANY], INT, TC_XMIT).changes(),
    row(14, "bpf_get_current_pid_tgid", v(4, 2), &[], INT, BASE),
    row(15, "bpf_get_current_uid_gid", v(4, 2), &[], INT, UID_GID),
    row(16, "bpf_get_current_comm", v(4, 2), &[FILL, SIZE], INT, TASK_CONTEXT),
    row(17, "bpf_get_cgroup_classid", v(4, 3), &[CTX], INT, CLASSID),
    row(18, "bpf_skb_vlan_push", v(4, 3), &[CTX, ANY, ANY], INT, TC).changes(),
    row(19, "bpf_skb_vlan_pop", v(4, 3), &[CTX], INT, TC).changes(),
    row(20, "bpf_skb_get_tunnel_key", v(4, 3), &[CTX, FILL, SIZE, ANY], INT, TC_XMIT),
    row(21, "bpf_skb_set_tunnel_key", v(4, 3), &[CTX, READ, SIZE, ANY], INT, TC_XMIT),
    row(22, "bpf_perf_event_read", v(4, 3), &[MAP, ANY], INT, TRACING).gpl(),
    row(23, "bpf_redirect", v(4, 4), &[ANY, ANY], INT, TC_XDP_XMIT),
    row(24, "bpf_get_route_realm", v(4, 4), &[CTX], INT, TC_LWT),
    row(25, "bpf_perf_event_output", v(4, 4),
        &[CTX, MAP, ANY, READ, SIZE_OR_ZERO], INT, EVENT_OUTPUT).gpl(),
    row(26, "bpf_skb_load_bytes", v(4, 5), &[CTX, ANY, FILL, SIZE], INT, LOAD_BYTES),
    row(27, "bpf_get_stackid", v(4, 6), &[CTX, MAP, ANY], INT, TRACING).gpl(),
    row(28, "bpf_csum_diff", v(4, 6),
        &[READ_OR_NULL, SIZE_OR_ZERO, READ_OR_NULL, SIZE_OR_ZERO, ANY], INT, TC_LWT_XDP).packet(),
    row(29, "bpf_skb_get_tunnel_opt", v(4, 6), &[CTX, FILL, SIZE], INT, TC_XMIT),
    row(30, "bpf_skb_set_tunnel_opt", v(4, 6), &[CTX, READ, SIZE], INT, TC_XMIT),
    row(31, "bpf_skb_change_proto", v(4, 8), &[CTX, ANY, ANY], INT, TC).changes(),
    row(32, "bpf_skb_change_type", v(4, 8), &[CTX, ANY], INT, TC),
    row(33, "bpf_skb_under_cgroup", v(4, 8), &[CTX, MAP, ANY], INT, TC_LWT),
    row(34, "bpf_get_hash_recalc", v(4, 8), &[CTX], INT, TC_LWT),
    row(35, "bpf_get_current_task", v(4, 8), &[], INT, BASE).gpl(),
    row(36, "bpf_probe_write_user", v(4, 8), &[ANY, READ, SIZE], INT, TRACING).gpl(),
    row(37, "bpf_current_task_under_cgroup", v(4, 9), &[MAP, ANY], INT, TASK_CONTEXT),
    row(38, "bpf_skb_change_tail", v(4, 9), &[CTX, ANY, ANY], INT, TC_XMIT_SKSKB).changes(),
    row(39, "bpf_skb_pull_data", v(4, 9), &[CTX, ANY], INT, TC_LWT_SKSKB).changes(),
    row(40, "bpf_csum_update", v(4, 9), &[CTX, ANY], INT, TC_XMIT),
    row(41, "bpf_set_hash_invalid", v(4, 9), &[CTX], INT, TC_XMIT),
    row(42, "bpf_get_numa_node_id", v(4, 10), &[], INT, BASE),
    row(43, "bpf_skb_change_head", v(4, 10), &[CTX, ANY, ANY], INT, TC_XMIT_SKSKB).changes(),
    row(44, "bpf_xdp_adjust_head", v(4, 10), &[CTX, ANY], INT, XDP).changes(),
    row(45, "bpf_probe_read_str", v(4, 11), &[FILL, SIZE_OR_ZERO, ANY], INT, TRACING).gpl(),
    row(46, "bpf_get_socket_cookie", v(4, 12), &[CTX], INT, SOCKET_COOKIE),
    row(47, "bpf_get_socket_uid", v(4, 12), &[CTX], INT, SOCKET_UID),
    row(48, "bpf_set_hash", v(4, 13), &[CTX, ANY], INT, TC),
    row(49, "bpf_setsockopt", v(4, 13), &[CTX, ANY, ANY, READ, SIZE], INT, SOCKOPT),
    row(50, "bpf_skb_adjust_room", v(4, 13), &[CTX, ANY, ANY, ANY], INT, TC_SKSKB).changes(),
    row(51, "bpf_redirect_map", v(4, 14), &[MAP, ANY, ANY], INT, XDP),
    row(52, "bpf_sk_redirect_map", v(4, 14), &[CTX, MAP, ANY, ANY], INT, SK_SKB),
    row(53, "bpf_sock_map_update", v(4, 14), &[CTX, MAP, KEY, ANY], INT, SOCK_OPS).packet(),
    row(54, "bpf_xdp_adjust_meta", v(4, 15), &[CTX, ANY], INT, XDP).changes(),
    row(55, "bpf_perf_event_read_value", v(4, 15), &[MAP, ANY, FILL, SIZE], INT, TRACING).gpl(),
    row(56, "bpf_perf_prog_read_value", v(4, 15), &[CTX, FILL, SIZE], INT, PERF).gpl(),
    row(57, "bpf_getsockopt", v(4, 15), &[CTX, ANY, ANY, FILL, SIZE], INT, SOCKOPT),
    row(58, "bpf_override_return", v(4, 16), &[CTX, ANY], INT, KPROBE).gpl(),
    row(59, "bpf_sock_ops_cb_flags_set", v(4, 16), &[CTX, ANY], INT, SOCK_OPS),
    row(60, "bpf_msg_redirect_map", v(4, 17), &[CTX, MAP, ANY, ANY], INT, SK_MSG),
    row(61, "bpf_msg_apply_bytes", v(4, 17), &[CTX, ANY], INT, SK_MSG),
    row(62, "bpf_msg_cork_bytes", v(4, 17), &[CTX, ANY], INT, SK_MSG),
    row(63, "bpf_msg_pull_data", v(4, 17), &[CTX, ANY, ANY, ANY], INT, SK_MSG).changes(),
    row(64, "bpf_bind", v(4, 17), &[CTX, READ, SIZE], INT, BIND),
    row(65, "bpf_xdp_adjust_tail", v(4, 18), &[CTX, ANY], INT, XDP).changes(),
    row(66, "bpf_skb_get_xfrm_state", v(4, 18), &[CTX, ANY, FILL, SIZE, ANY], INT, TC),
    row(67, "bpf_get_stack", v(4, 18), &[CTX, FILL, SIZE_OR_ZERO, ANY], INT, TRACING).gpl(),
    row(68, "bpf_skb_load_bytes_relative", v(4, 18),
        &[CTX, ANY, FILL, SIZE, ANY], INT, LOAD_RELATIVE),
    row(69, "bpf_fib_lookup", v(4, 18), &[CTX, WRITE, SIZE, ANY], INT, TC_XDP).gpl(),
    row(70, "bpf_sock_hash_update", v(4, 18), &[CTX, MAP, KEY, ANY], INT, SOCK_OPS).packet(),
];
