// SPDX-License-Identifier: MIT OR Apache-2.0
/* Lookups and updates of a hash map. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int hash(struct xdp_md *ctx)
{
	u64 found = 0;

	for (u32 i = 0; i < 256; i++) {
		u64 key = (i * 7 & 127) * 0x9e3779b97f4a7c15ULL;
		u64 *count = bpf_map_lookup_elem(&counts, &key);

		if (count) {
			*count += 1;
			found++;
		}
		if (!count || !(i & 3)) {
			u64 first = 1;

			bpf_map_update_elem(&counts, &key, &first, BPF_ANY);
		}
	}
	return (u32)found;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
