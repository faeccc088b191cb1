/* It is less than the buffer's. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
int copy(struct raw_sys_enter *ctx)
{
	char buffer[64] = {};
	u32 size = (u32)ctx->nr & 63;

	bpf_probe_read_kernel(buffer, size, (void *)ctx->regs);
	return buffer[0];
}

char LICENSE[] SEC("license") = "GPL";
