/* Nothing can be looked up there. */
#include "../src/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int emit(struct raw_sys_enter *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&events, &key) != NULL;
}

char LICENSE[] SEC("license") = "GPL";
