// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: an update of a map that was made read-only for programs.
 * To mend it: leave BPF_F_RDONLY_PROG out, or let user space do the writing.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, u32);
	__type(value, u64);
} settings SEC(".maps");

SEC("raw_tp/sys_enter")
int reject_readonly_map_write(struct raw_sys_enter *ctx)
{
	u32 key = 0;
	u64 value = ctx->nr;

	bpf_map_update_elem(&settings, &key, &value, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
