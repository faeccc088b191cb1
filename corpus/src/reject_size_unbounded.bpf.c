// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a helper is asked to write as many bytes as a number from outside says.
 * To mend it: `if (size > sizeof(buffer)) size = sizeof(buffer);`.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
int reject_size_unbounded(struct raw_sys_enter *ctx)
{
	char buffer[64] = {};
	u32 size = (u32)ctx->nr;

	bpf_probe_read_kernel(buffer, size, (void *)ctx->regs);
	return buffer[0];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
