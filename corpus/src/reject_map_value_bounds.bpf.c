// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: an index that may reach beyond the end of a map's value.
 * To mend it: `if (slot >= 8) return 0;` before the access.
 */
#include "trace.h"

struct histogram {
	u32 slots[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

SEC("raw_tp/sys_enter")
int reject_map_value_bounds(struct raw_sys_enter *ctx)
{
	u32 key = 0;
	u32 slot = (u32)ctx->nr & 15; /* 0 to 15, but there are only eight slots */
	struct histogram *histogram = bpf_map_lookup_elem(&histograms, &key);

	if (histogram)
		histogram->slots[slot] += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
