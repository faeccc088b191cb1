// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Maps as the values of a map: a counter array for each user of interest.
 *
 * All inner maps look alike, which is what lets the verifier judge a lookup in one that is
 * only known when the program runs. User space can put in another at any time.
 */
#include "trace.h"

struct counters {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u64);
};

struct counters counters_of_root SEC(".maps");
struct counters counters_of_user SEC(".maps");
struct counters counters_even SEC(".maps");
struct counters counters_odd SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 16);
	__type(key, u32);
	__array(values, struct counters);
} by_uid SEC(".maps") = {
	.values = {
		[0] = (void *)&counters_of_root,
		[1000] = (void *)&counters_of_user,
	},
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, u32);
	__array(values, struct counters);
} by_parity SEC(".maps") = {
	.values = { (void *)&counters_even, (void *)&counters_odd },
};

static __always_inline void count_in(void *inner)
{
	u32 key = 1;
	u64 *count;

	if (!inner)
		return;
	count = bpf_map_lookup_elem(inner, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
}

SEC("tracepoint/syscalls/sys_enter_execve")
int hash_of_maps(struct sys_enter_execve *ctx)
{
	u32 uid = (u32)bpf_get_current_uid_gid();

	count_in(bpf_map_lookup_elem(&by_uid, &uid));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int array_of_maps(struct sys_enter_execve *ctx)
{
	u32 parity = (bpf_get_current_pid_tgid() >> 32) & 1;

	count_in(bpf_map_lookup_elem(&by_parity, &parity));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
