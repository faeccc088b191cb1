// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Accepted, though it looks wrong: half of the key lies in stack memory that nothing wrote.
 *
 * Since Linux 6.3 a loader with CAP_PERFMON (root has it) may let programs read such memory;
 * one without is told "invalid read from stack". Whatever was there becomes part of the key,
 * so write `struct key key = {};` all the same.
 */
#include "trace.h"

struct key {
	u32 uid;
	u32 cpu;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int uninit_stack(struct sys_enter_execve *ctx)
{
	struct key key;

	key.uid = (u32)bpf_get_current_uid_gid();
	bpf_map_delete_elem(&counts, &key);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
