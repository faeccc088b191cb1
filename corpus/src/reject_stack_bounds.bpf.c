// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a write below the 512 bytes of stack a function has.
 * To mend it: use an offset from -512 to -1, aligned to the size of the access.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_stack_bounds(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "*(u64 *)(r10 - 520) = r0;"
		     "exit;");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
