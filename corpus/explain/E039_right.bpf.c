/* Records are put into it. */
#include "../src/trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int emit(struct raw_sys_enter *ctx)
{
	u64 nr = ctx->nr;

	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &nr, sizeof(nr)) != 0;
}

char LICENSE[] SEC("license") = "GPL";
