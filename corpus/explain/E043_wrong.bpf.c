/* 0 to 31. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
int name(struct raw_sys_enter *ctx)
{
	char buffer[64] = {};
	u32 size = (u32)ctx->nr & 31;

	bpf_get_current_comm(buffer, size);
	return buffer[0];
}

char LICENSE[] SEC("license") = "GPL";
