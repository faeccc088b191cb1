// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counting in an array map. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int array(struct xdp_md *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 512; i++) {
		u32 key = i * 7 & 255;
		u64 *count = bpf_map_lookup_elem(&counts, &key);

		if (count)
			sum += ++*count;
	}
	return (u32)sum & 0x7fffffff;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
