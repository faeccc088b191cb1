// SPDX-License-Identifier: MIT OR Apache-2.0
/* Small helpers, and counting in a per-CPU array. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int percpu(struct xdp_md *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 256; i++) {
		u32 key = i & 15;
		u64 *count = bpf_map_lookup_elem(&counts, &key);

		if (count)
			*count += 1;
		sum += bpf_get_smp_processor_id();
	}
	return (u32)sum & 0x7fffffff;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
