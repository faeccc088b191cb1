// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the result of a map lookup is used without a check for NULL.
 * To mend it: `if (count)` before the first access.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int reject_null_check(struct sys_enter_execve *ctx)
{
	u32 uid = (u32)bpf_get_current_uid_gid();
	u64 *count = bpf_map_lookup_elem(&counts, &uid);

	*count += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
