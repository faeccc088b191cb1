/* The result is compared with NULL first. */
#include "../src/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("raw_tp/sys_enter")
int count(struct raw_sys_enter *ctx)
{
	u32 nr = (u32)ctx->nr;
	u64 *count = bpf_map_lookup_elem(&counts, &nr);

	if (count)
		*count += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
