// SPDX-License-Identifier: MIT OR Apache-2.0
/* Updates of a hash map, of keys that are there but for the first run. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int hash_update(struct xdp_md *ctx)
{
	u32 failed = 0;

	for (u64 i = 0; i < 128; i++) {
		u64 key = i * 0x9e3779b97f4a7c15ULL, value = i;

		if (bpf_map_update_elem(&counts, &key, &value, BPF_ANY))
			failed++;
	}
	return failed;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
