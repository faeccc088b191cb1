// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count program starts without sharing a counter between CPUs.
 *
 * In a per-CPU map each CPU has its own value under the same key, so that a plain addition
 * is enough; the reader adds them up.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} starts SEC(".maps");

struct comm {
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, struct comm);
	__type(value, u64);
} starts_by_comm SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int percpu_count(struct sys_enter_execve *ctx)
{
	u32 key = 0;
	u64 *count = bpf_map_lookup_elem(&starts, &key);

	if (count)
		*count += 1;
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int percpu_count_by_comm(struct sys_enter_execve *ctx)
{
	struct comm comm = {};
	u64 one = 1;
	u64 *count;

	bpf_get_current_comm(&comm, sizeof(comm));
	count = bpf_map_lookup_elem(&starts_by_comm, &comm);
	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&starts_by_comm, &comm, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
