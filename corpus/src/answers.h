/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What helpers answer, right and wrong: every answer goes into an array, in the order in which the
 * source asks, to be compared with a kernel's. And the helpers that only such programs call.
 */
#pragma once
#include "maps.h"
#include "net.h"
#include "sock.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

static __noinline int answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
	return 0;
}

/* The next number of the file is the answer's. */
#define ANSWER(value) answer(__COUNTER__, (s64)(value))

/* So many bytes as a number, folded: what a buffer holds. */
#define SUM(buffer)                                                       \
	({                                                                \
		u64 sum = 0;                                              \
		for (u32 at = 0; at < sizeof(buffer); at++)               \
			sum = sum * 31 + ((u8 *)(buffer))[at];            \
		sum;                                                      \
	})

#define BPF_MAP_TYPE_CGROUP_ARRAY 8
#define BPF_MAP_TYPE_SOCKMAP 15
#define BPF_MAP_TYPE_SOCKHASH 18
#define BPF_MAP_TYPE_REUSEPORT_SOCKARRAY 20
#define BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE 21
#define BPF_MAP_TYPE_CGRP_STORAGE 32

static long (*const bpf_probe_read)(void *to, u32 size, const void *from) = (void *)4;
static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static long (*const bpf_clone_redirect)(void *skb, u32 ifindex, u64 flags) = (void *)13;
static u32 (*const bpf_get_cgroup_classid)(void *skb) = (void *)17;
static long (*const bpf_skb_vlan_push)(void *skb, u16 proto, u16 tci) = (void *)18;
static long (*const bpf_skb_vlan_pop)(void *skb) = (void *)19;
static u64 (*const bpf_perf_event_read)(void *map, u64 flags) = (void *)22;
static long (*const bpf_redirect)(u32 ifindex, u64 flags) = (void *)23;
static u32 (*const bpf_get_route_realm)(void *skb) = (void *)24;
static s64 (*const bpf_csum_diff)(void *from, u32 from_size, void *to, u32 to_size,
				  u32 seed) = (void *)28;
static long (*const bpf_skb_change_proto)(void *skb, u16 proto, u64 flags) = (void *)31;
static long (*const bpf_skb_change_type)(void *skb, u32 type) = (void *)32;
static long (*const bpf_skb_under_cgroup)(void *skb, void *map, u32 index) = (void *)33;
static u32 (*const bpf_get_hash_recalc)(void *skb) = (void *)34;
static long (*const bpf_probe_write_user)(void *to, const void *from, u32 len) = (void *)36;
static long (*const bpf_current_task_under_cgroup)(void *map, u32 index) = (void *)37;
static long (*const bpf_skb_change_tail)(void *skb, u32 len, u64 flags) = (void *)38;
static long (*const bpf_skb_pull_data)(void *skb, u32 len) = (void *)39;
static s64 (*const bpf_csum_update)(void *skb, u32 sum) = (void *)40;
static void (*const bpf_set_hash_invalid)(void *skb) = (void *)41;
static long (*const bpf_get_numa_node_id)(void) = (void *)42;
static long (*const bpf_skb_change_head)(void *skb, u32 len, u64 flags) = (void *)43;
static long (*const bpf_skb_adjust_room)(void *skb, s32 delta, u32 mode, u64 flags) = (void *)50;
static long (*const bpf_xdp_adjust_head)(void *frame, int delta) = (void *)44;
static long (*const bpf_probe_read_str)(void *to, u32 size, const void *from) = (void *)45;
static u64 (*const bpf_get_socket_cookie)(void *ctx) = (void *)46;
static u32 (*const bpf_set_hash)(void *skb, u32 hash) = (void *)48;
static long (*const bpf_xdp_adjust_meta)(void *frame, int delta) = (void *)54;
static long (*const bpf_perf_event_read_value)(void *map, u64 flags, void *to,
					       u32 size) = (void *)55;
static long (*const bpf_xdp_adjust_tail)(void *frame, int delta) = (void *)65;
static long (*const bpf_get_stack)(void *ctx, void *to, u32 size, u64 flags) = (void *)67;
static long (*const bpf_skb_load_bytes_relative)(const void *skb, u32 offset, void *to, u32 len,
						 u32 start) = (void *)68;
static u64 (*const bpf_skb_cgroup_id)(void *skb) = (void *)79;
static u64 (*const bpf_get_current_cgroup_id)(void) = (void *)80;
static u64 (*const bpf_skb_ancestor_cgroup_id)(void *skb, int level) = (void *)83;
static struct bpf_sock *(*const bpf_sk_lookup_tcp)(void *ctx, void *tuple, u32 size, u64 netns,
						   u64 flags) = (void *)84;
static struct bpf_sock *(*const bpf_sk_lookup_udp)(void *ctx, void *tuple, u32 size, u64 netns,
						   u64 flags) = (void *)85;
static long (*const bpf_sk_release)(void *sk) = (void *)86;
static struct bpf_sock *(*const bpf_skc_lookup_tcp)(void *ctx, void *tuple, u32 size, u64 netns,
						    u64 flags) = (void *)99;
static long (*const bpf_tcp_check_syncookie)(void *sk, void *ip, u32 ip_len, void *tcp,
					     u32 tcp_len) = (void *)100;
static long (*const bpf_strtol)(const char *text, u64 len, u64 flags, long *to) = (void *)105;
static long (*const bpf_strtoul)(const char *text, u64 len, u64 flags,
				 unsigned long *to) = (void *)106;
static long (*const bpf_sk_storage_delete)(void *map, void *sk) = (void *)108;
static long (*const bpf_send_signal)(u32 signal) = (void *)109;
static s64 (*const bpf_tcp_gen_syncookie)(void *sk, void *ip, u32 ip_len, void *tcp,
					  u32 tcp_len) = (void *)110;
static long (*const bpf_send_signal_thread)(u32 signal) = (void *)117;
static u64 (*const bpf_jiffies64)(void) = (void *)118;
static long (*const bpf_get_ns_current_pid_tgid)(u64 dev, u64 inode, void *to,
						 u32 size) = (void *)120;
static u64 (*const bpf_get_current_ancestor_cgroup_id)(int level) = (void *)123;
static long (*const bpf_sk_assign)(void *ctx, void *sk, u64 flags) = (void *)124;
static u64 (*const bpf_ktime_get_boot_ns)(void) = (void *)125;
static u64 (*const bpf_sk_cgroup_id)(void *sk) = (void *)128;
static u64 (*const bpf_sk_ancestor_cgroup_id)(void *sk, int level) = (void *)129;
static long (*const bpf_csum_level)(void *skb, u64 level) = (void *)135;
static void *(*const bpf_skc_to_tcp6_sock)(void *sk) = (void *)136;
static void *(*const bpf_skc_to_tcp_sock)(void *sk) = (void *)137;
static void *(*const bpf_skc_to_tcp_timewait_sock)(void *sk) = (void *)138;
static void *(*const bpf_skc_to_tcp_request_sock)(void *sk) = (void *)139;
static void *(*const bpf_skc_to_udp6_sock)(void *sk) = (void *)140;
static long (*const bpf_get_task_stack)(void *task, void *to, u32 size, u64 flags) = (void *)141;
static long (*const bpf_copy_from_user)(void *to, u32 size, const void *from) = (void *)148;
static u64 (*const bpf_skb_cgroup_classid)(void *skb) = (void *)151;
static long (*const bpf_redirect_neigh)(u32 ifindex, void *neighbour, int size,
					u64 flags) = (void *)152;
static void *(*const bpf_per_cpu_ptr)(const void *variable, u32 cpu) = (void *)153;
static void *(*const bpf_this_cpu_ptr)(const void *variable) = (void *)154;
static long (*const bpf_redirect_peer)(u32 ifindex, u64 flags) = (void *)155;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static u64 (*const bpf_ktime_get_coarse_ns)(void) = (void *)160;
static void *(*const bpf_sock_from_file)(void *file) = (void *)162;
static long (*const bpf_snprintf)(char *to, u32 size, const char *format, const void *args,
				  u32 args_size) = (void *)165;
static long (*const bpf_sys_bpf)(u32 command, void *attr, u32 size) = (void *)166;
static long (*const bpf_btf_find_by_name_kind)(const char *name, int size, u32 kind,
					       int flags) = (void *)167;
static long (*const bpf_sys_close)(u32 fd) = (void *)168;
static void *(*const bpf_task_pt_regs)(void *task) = (void *)175;
static long (*const bpf_get_branch_snapshot)(void *to, u32 size, u64 flags) = (void *)176;
static void *(*const bpf_skc_to_unix_sock)(void *sk) = (void *)178;
static long (*const bpf_kallsyms_lookup_name)(const char *name, int size, int flags,
					      u64 *to) = (void *)179;
static long (*const bpf_find_vma)(void *task, u64 address, void *callback, void *callback_ctx,
				  u64 flags) = (void *)180;
static u64 (*const bpf_xdp_get_buff_len)(void *frame) = (void *)188;
static long (*const bpf_xdp_load_bytes)(void *frame, u32 offset, void *to, u32 len) = (void *)189;
static long (*const bpf_xdp_store_bytes)(void *frame, u32 offset, void *from,
					 u32 len) = (void *)190;
static long (*const bpf_copy_from_user_task)(void *to, u32 size, const void *from, void *task,
					     u64 flags) = (void *)191;
static void *(*const bpf_map_lookup_percpu_elem)(void *map, const void *key, u32 cpu) = (void *)195;
static void *(*const bpf_skc_to_mptcp_sock)(void *sk) = (void *)196;
static u64 (*const bpf_ktime_get_tai_ns)(void) = (void *)208;
static void *(*const bpf_cgrp_storage_get)(void *map, void *cgroup, void *value,
					   u64 flags) = (void *)210;
static long (*const bpf_cgrp_storage_delete)(void *map, void *cgroup) = (void *)211;
