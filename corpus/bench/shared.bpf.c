// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counts in a hash map that several CPUs share. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u64);
} counts SEC(".maps");

static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;

SEC("xdp")
int shared(struct xdp_md *ctx)
{
	u32 start = bpf_get_prandom_u32();
	u64 first = 1;

	for (u32 i = 0; i < 64; i++) {
		u64 key = (start + i * 61 & 1023) * 0x9e3779b97f4a7c15ULL;
		u64 *count = bpf_map_lookup_elem(&counts, &key);

		if (count)
			__sync_fetch_and_add(count, 1);
		else
			bpf_map_update_elem(&counts, &key, &first, BPF_NOEXIST);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
