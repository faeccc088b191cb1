// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a lookup in a map for which there are no lookups: a perf event array is only for output.
 * To mend it: bpf_perf_event_output().
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int reject_map_type(struct raw_sys_enter *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&events, &key) != NULL;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
