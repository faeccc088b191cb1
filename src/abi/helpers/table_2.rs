//! Helpers 71 to 140: number, name, first release, arguments, result, who may call; then licence,
//! packet access and effect where they are not the common ones.
//!
//! Nothing else is here; see [`super`] for what the words mean.

use super::row::{
    ANY, CTX, CTX_OR_NULL, FILL, INT, KEY, MAP, READ, READ_OR_NULL, ROOM, SIZE, SIZE_OR_ZERO, SOCK,
    VALUE, VALUE_OR_NULL, VIEWED_SOCK, VOID, WRITE, WRITE_OR_NULL, btf, fill_fixed, row,
};
use super::sets::{
    ALL, BASE, BTF_TRACING, CGROUP_SKB, ENCAP, ITER, LIRC, LOCAL_STORAGE, NETNS_COOKIE, PERF,
    REUSEPORT, SEG6, SK_MSG, SK_SKB, SK_STORAGE_DELETE, SK_STORAGE_GET, SOCKET_CAST, SOCKET_LOOKUP,
    SOCKET_RELEASE, STRUCT_OPS, SYSCTL, TC_CGROUP_SKB, TC_LOOKUP, TC_XDP, TC_XMIT, TCP_SOCK,
    TRACING,
};
use super::{ArgType, Helper, RetType};
use crate::abi::Version;
use crate::abi::context::SockView;

const fn v(major: u16, minor: u16) -> Version {
    Version::new(major, minor)
}

/// A full socket or null.
const FULL_SOCK: RetType = RetType::SockOrNull(SockView::Full);
/// A socket of any kind or null.
const COMMON_SOCK: RetType = RetType::SockOrNull(SockView::Common);

/// The rows.
#[rustfmt::skip]
pub(super) static ROWS: [Helper; 70] = [
    row(71, "bpf_msg_redirect_hash", v(4, 18), &[CTX, MAP, KEY, ANY], INT, SK_MSG),
    row(72, "bpf_sk_redirect_hash", v(4, 18), &[CTX, MAP, KEY, ANY], INT, SK_SKB),
    row(73, "bpf_lwt_push_encap", v(4, 18), &[CTX, ANY, READ, SIZE], INT, ENCAP).changes(),
    row(74, "bpf_lwt_seg6_store_bytes", v(4, 18), &[CTX, ANY, READ, SIZE], INT, SEG6).changes(),
    row(75, "bpf_lwt_seg6_adjust_srh", v(4, 18), &[CTX, ANY, ANY], INT, SEG6).changes(),
    row(76, "bpf_lwt_seg6_action", v(4, 18), &[CTX, ANY, READ, SIZE], INT, SEG6).changes(),
    row(77, "bpf_rc_repeat", v(4, 18), &[CTX], INT, LIRC).gpl(),
    row(78, "bpf_rc_keydown", v(4, 18), &[CTX, ANY, ANY, ANY], INT, LIRC).gpl(),
    row(79, "bpf_skb_cgroup_id", v(4, 18), &[CTX], INT, TC_CGROUP_SKB),
    row(80, "bpf_get_current_cgroup_id", v(4, 18), &[], INT, BASE),
    row(81, "bpf_get_local_storage", v(4, 19), &[MAP, ANY], RetType::MapValue, LOCAL_STORAGE),
    row(82, "bpf_sk_select_reuseport", v(4, 19), &[CTX, MAP, KEY, ANY], INT, REUSEPORT),
    row(83, "bpf_skb_ancestor_cgroup_id", v(4, 19), &[CTX, ANY], INT, TC_CGROUP_SKB),
    row(84, "bpf_sk_lookup_tcp", v(4, 20),
        &[CTX, READ, SIZE_OR_ZERO, ANY, ANY], FULL_SOCK, SOCKET_LOOKUP).packet(),
    row(85, "bpf_sk_lookup_udp", v(4, 20),
        &[CTX, READ, SIZE_OR_ZERO, ANY, ANY], FULL_SOCK, SOCKET_LOOKUP).packet(),
    row(86, "bpf_sk_release", v(4, 20), &[ArgType::ReleasedSock], INT, SOCKET_RELEASE),
    row(87, "bpf_map_push_elem", v(4, 20), &[MAP, VALUE, ANY], INT, ALL).packet(),
    row(88, "bpf_map_pop_elem", v(4, 20), &[MAP, ROOM], INT, ALL),
    row(89, "bpf_map_peek_elem", v(4, 20), &[MAP, ROOM], INT, ALL),
    row(90, "bpf_msg_push_data", v(4, 20), &[CTX, ANY, ANY, ANY], INT, SK_MSG).changes(),
    row(91, "bpf_msg_pop_data", v(5, 0), &[CTX, ANY, ANY, ANY], INT, SK_MSG).changes(),
    row(92, "bpf_rc_pointer_rel", v(5, 0), &[CTX, ANY, ANY], INT, LIRC).gpl(),
    row(93, "bpf_spin_lock", v(5, 1), &[ArgType::SpinLock], VOID, BASE),
    row(94, "bpf_spin_unlock", v(5, 1), &[ArgType::SpinLock], VOID, BASE),
    row(95, "bpf_sk_fullsock", v(5, 1), &[VIEWED_SOCK], FULL_SOCK, TC_CGROUP_SKB),
    row(96, "bpf_tcp_sock", v(5, 1), &[VIEWED_SOCK], RetType::SockOrNull(SockView::Tcp), TCP_SOCK),
    row(97, "bpf_skb_ecn_set_ce", v(5, 1), &[CTX], INT, TC_CGROUP_SKB),
    row(98, "bpf_get_listener_sock", v(5, 1), &[VIEWED_SOCK], FULL_SOCK, TC_CGROUP_SKB),
    row(99, "bpf_skc_lookup_tcp", v(5, 2),
        &[CTX, READ, SIZE_OR_ZERO, ANY, ANY], COMMON_SOCK, SOCKET_LOOKUP).packet(),
    row(100, "bpf_tcp_check_syncookie", v(5, 2),
        &[SOCK, READ, SIZE, READ, SIZE], INT, TC_XDP).gpl().packet(),
    row(101, "bpf_sysctl_get_name", v(5, 2), &[CTX, WRITE, SIZE, ANY], INT, SYSCTL),
    row(102, "bpf_sysctl_get_current_value", v(5, 2), &[CTX, FILL, SIZE], INT, SYSCTL),
    row(103, "bpf_sysctl_get_new_value", v(5, 2), &[CTX, FILL, SIZE], INT, SYSCTL),
    row(104, "bpf_sysctl_set_new_value", v(5, 2), &[CTX, READ, SIZE], INT, SYSCTL),
    row(105, "bpf_strtol", v(5, 2), &[READ, SIZE, ANY, fill_fixed(8)], INT, BASE),
    row(106, "bpf_strtoul", v(5, 2), &[READ, SIZE, ANY, fill_fixed(8)], INT, BASE),
    row(107, "bpf_sk_storage_get", v(5, 2),
        &[MAP, SOCK, VALUE_OR_NULL, ANY], RetType::MapValueOrNull, SK_STORAGE_GET),
    row(108, "bpf_sk_storage_delete", v(5, 2), &[MAP, SOCK], INT, SK_STORAGE_DELETE),
    row(109, "bpf_send_signal", v(5, 3), &[ANY], INT, TRACING),
    row(110, "bpf_tcp_gen_syncookie", v(5, 3),
        &[SOCK, READ, SIZE, READ, SIZE], INT, TC_XDP).gpl().packet(),
    row(111, "bpf_skb_output", v(5, 5),
        &[btf(&["sk_buff"]), MAP, ANY, READ, SIZE_OR_ZERO], INT, BTF_TRACING).gpl(),
    row(112, "bpf_probe_read_user", v(5, 5), &[FILL, SIZE_OR_ZERO, ANY], INT, BASE).gpl(),
    row(113, "bpf_probe_read_kernel", v(5, 5), &[FILL, SIZE_OR_ZERO, ANY], INT, BASE).gpl(),
    row(114, "bpf_probe_read_user_str", v(5, 5), &[FILL, SIZE_OR_ZERO, ANY], INT, BASE).gpl(),
    row(115, "bpf_probe_read_kernel_str", v(5, 5), &[FILL, SIZE_OR_ZERO, ANY], INT, BASE).gpl(),
    row(116, "bpf_tcp_send_ack", v(5, 6), &[btf(&["tcp_sock"]), ANY], INT, STRUCT_OPS),
    row(117, "bpf_send_signal_thread", v(5, 6), &[ANY], INT, TRACING),
    row(118, "bpf_jiffies64", v(5, 6), &[], INT, BASE),
    row(119, "bpf_read_branch_records", v(5, 6),
        &[CTX, WRITE_OR_NULL, SIZE_OR_ZERO, ANY], INT, PERF).gpl(),
    row(120, "bpf_get_ns_current_pid_tgid", v(5, 7), &[ANY, ANY, FILL, SIZE], INT, BASE),
    row(121, "bpf_xdp_output", v(5, 7),
        &[btf(&["xdp_buff"]), MAP, ANY, READ, SIZE_OR_ZERO], INT, BTF_TRACING).gpl(),
    row(122, "bpf_get_netns_cookie", v(5, 7), &[CTX_OR_NULL], INT, NETNS_COOKIE),
    row(123, "bpf_get_current_ancestor_cgroup_id", v(5, 7), &[ANY], INT, BASE),
    row(124, "bpf_sk_assign", v(5, 7), &[CTX, SOCK, ANY], INT, TC_LOOKUP),
    row(125, "bpf_ktime_get_boot_ns", v(5, 8), &[], INT, ALL),
    row(126, "bpf_seq_printf", v(5, 8),
        &[btf(&["seq_file"]), READ, SIZE, READ_OR_NULL, SIZE_OR_ZERO], INT, ITER).gpl(),
    row(127, "bpf_seq_write", v(5, 8), &[btf(&["seq_file"]), READ, SIZE_OR_ZERO], INT, ITER).gpl(),
    row(128, "bpf_sk_cgroup_id", v(5, 8), &[SOCK], INT, CGROUP_SKB),
    row(129, "bpf_sk_ancestor_cgroup_id", v(5, 8), &[SOCK, ANY], INT, CGROUP_SKB),
    row(130, "bpf_ringbuf_output", v(5, 8), &[MAP, READ, SIZE_OR_ZERO, ANY], INT, BASE),
    row(131, "bpf_ringbuf_reserve", v(5, 8),
        &[MAP, ArgType::AllocSize, ANY], RetType::AllocMemOrNull, BASE),
    row(132, "bpf_ringbuf_submit", v(5, 8), &[ArgType::RingbufMem, ANY], VOID, BASE),
    row(133, "bpf_ringbuf_discard", v(5, 8), &[ArgType::RingbufMem, ANY], VOID, BASE),
    row(134, "bpf_ringbuf_query", v(5, 8), &[MAP, ANY], INT, BASE),
    row(135, "bpf_csum_level", v(5, 8), &[CTX, ANY], INT, TC_XMIT),
    row(136, "bpf_skc_to_tcp6_sock", v(5, 9), &[SOCK], RetType::BtfIdOrNull("tcp6_sock"), SOCKET_CAST),
    row(137, "bpf_skc_to_tcp_sock", v(5, 9), &[SOCK], RetType::BtfIdOrNull("tcp_sock"), SOCKET_CAST),
    row(138, "bpf_skc_to_tcp_timewait_sock", v(5, 9), &[SOCK], RetType::BtfIdOrNull("tcp_timewait_sock"), SOCKET_CAST),
    row(139, "bpf_skc_to_tcp_request_sock", v(5, 9), &[SOCK], RetType::BtfIdOrNull("tcp_request_sock"), SOCKET_CAST),
    row(140, "bpf_skc_to_udp6_sock", v(5, 9), &[SOCK], RetType::BtfIdOrNull("udp6_sock"), SOCKET_CAST),
];
