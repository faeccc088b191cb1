/* The key lies in a variable. */
#include "../src/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("raw_tp/sys_enter")
int look_up(struct raw_sys_enter *ctx)
{
	u32 key = 1;

	return bpf_map_lookup_elem(&counts, &key) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
