// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a write to r10. The frame pointer is read-only.
 * To mend it: copy it into another register first: `r2 = r10; r2 += -8`.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_frame_pointer(struct raw_sys_enter *ctx)
{
	asm volatile("r10 += -8;"
		     "r0 = 0;"
		     "exit;");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
