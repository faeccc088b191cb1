// SPDX-License-Identifier: MIT OR Apache-2.0
/* Lookups and updates of an LRU map that is too small for its keys: half of the updates evict. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} recent SEC(".maps");

u64 next;

SEC("xdp")
int lru(struct xdp_md *ctx)
{
	u32 found = 0;

	for (u64 i = 0; i < 128; i++) {
		/* Every second key is new, the others are the same each run. */
		u64 key = i & 1 ? i : ++next << 8, value = i;

		if (bpf_map_lookup_elem(&recent, &key))
			found++;
		bpf_map_update_elem(&recent, &key, &value, BPF_ANY);
	}
	return found;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
