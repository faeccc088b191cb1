// SPDX-License-Identifier: MIT OR Apache-2.0
/* Updates of an array map. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int array_update(struct xdp_md *ctx)
{
	u32 failed = 0;

	for (u32 i = 0; i < 128; i++) {
		u32 key = i * 7 & 255;
		u64 value = i;

		if (bpf_map_update_elem(&counts, &key, &value, BPF_ANY))
			failed++;
	}
	return failed;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
