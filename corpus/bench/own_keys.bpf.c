// SPDX-License-Identifier: MIT OR Apache-2.0
/* Updates and lookups in a hash map that several CPUs share, each with keys of its own, as by process or connection. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, u64);
} counts SEC(".maps");

SEC("xdp")
int own_keys(struct xdp_md *ctx)
{
	u64 cpu = bpf_get_smp_processor_id();
	u32 failed = 0;

	for (u64 i = 0; i < 128; i++) {
		u64 key = (cpu << 32 | i) * 0x9e3779b97f4a7c15ULL, value = i;
		u64 *found;

		if (bpf_map_update_elem(&counts, &key, &value, BPF_ANY))
			failed++;
		found = bpf_map_lookup_elem(&counts, &key);
		if (!found || *found != i)
			failed++;
	}
	return failed;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
