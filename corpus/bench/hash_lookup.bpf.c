// SPDX-License-Identifier: MIT OR Apache-2.0
/* Lookups in a hash map, which the first run fills. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int hash_lookup(struct xdp_md *ctx)
{
	u64 key = 0, one = 1;
	u32 found = 0;

	if (!bpf_map_lookup_elem(&counts, &key)) {
		for (u32 i = 0; i < 128; i++) {
			key = i * 0x9e3779b97f4a7c15ULL;
			bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
		}
	}
	for (u32 i = 0; i < 256; i++) {
		u64 *count;

		key = (i * 7 & 255) * 0x9e3779b97f4a7c15ULL;
		count = bpf_map_lookup_elem(&counts, &key);
		if (count)
			found += *count;
	}
	return found;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
