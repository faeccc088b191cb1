// SPDX-License-Identifier: MIT OR Apache-2.0
/* Longest prefix lookups; the first run fills the trie. */
#include "../src/net.h"

#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_F_NO_PREALLOC 1

struct prefix {
	u32 length;
	u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u32);
} routes SEC(".maps");

SEC("xdp")
int lpm(struct xdp_md *ctx)
{
	struct prefix key = { 32, { 10, 0, 0, 1 } };
	u32 sum = 0;

	if (!bpf_map_lookup_elem(&routes, &key)) {
		for (u32 i = 0; i < 64; i++) {
			struct prefix route = { 8 + (i & 15), { 10, i, i * 3, 0 } };
			u32 number = i;

			bpf_map_update_elem(&routes, &route, &number, BPF_ANY);
		}
	}
	for (u32 i = 0; i < 64; i++) {
		u32 *route;

		key.address[1] = i * 5;
		key.address[2] = i * 15;
		route = bpf_map_lookup_elem(&routes, &key);
		if (route)
			sum += *route;
	}
	return sum;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
