/* 0 to 15, but there are only eight slots. */
#include "../src/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64[8]);
} slots SEC(".maps");

SEC("raw_tp/sys_enter")
int count(struct raw_sys_enter *ctx)
{
	u32 key = 0, slot = (u32)ctx->nr & 15;
	u64 *counts = bpf_map_lookup_elem(&slots, &key);

	if (counts)
		counts[slot] += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
