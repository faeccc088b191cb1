// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a size that has an upper bound but may be zero, for a helper that wants at least
 * one byte.
 * To mend it: `if (size == 0) return 0;`, or add one to the masked number.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
int reject_size_zero(struct raw_sys_enter *ctx)
{
	char buffer[64] = {};
	u32 size = (u32)ctx->nr & 31;

	bpf_get_current_comm(buffer, size);
	return buffer[0];
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
