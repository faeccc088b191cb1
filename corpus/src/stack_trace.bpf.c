// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count the ways on which programs are started: each stack is kept once, under an id.
 */
#include "maps.h"
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(u32));
	__uint(value_size, 20 * sizeof(u64));
} stacks SEC(".maps");

struct ways {
	s32 kernel;
	s32 user;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct ways);
	__type(value, u64);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int stack_trace(struct sys_enter_execve *ctx)
{
	struct ways ways = {
		.kernel = bpf_get_stackid(ctx, &stacks, 0),
		.user = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK),
	};
	u64 one = 1;
	u64 *count = bpf_map_lookup_elem(&counts, &ways);

	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&counts, &ways, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
