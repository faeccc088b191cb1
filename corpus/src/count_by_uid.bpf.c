// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count how many programs each user starts.
 *
 * A program keeps nothing from one run to the next: what must last goes into a map, here a
 * hash table, which user space can read as well.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int count_by_uid(struct sys_enter_execve *ctx)
{
	/* The helper answers with both ids: the group in the high half, the user in the low. */
	u32 uid = (u32)bpf_get_current_uid_gid();
	u64 one = 1;
	u64 *count = bpf_map_lookup_elem(&counts, &uid);

	if (count)
		__sync_fetch_and_add(count, 1); /* other CPUs may count at the same time */
	else
		bpf_map_update_elem(&counts, &uid, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
