// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a number where a helper wants a pointer, here the key itself where its address
 * belongs.
 * To mend it: `&key`.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("raw_tp/sys_enter")
int reject_key_type(struct raw_sys_enter *ctx)
{
	u64 key = 1;

	return bpf_map_lookup_elem(&counts, (void *)key) != NULL;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
