// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a load of eight bytes from the stack at an offset that is not a multiple of eight.
 * To mend it: align the variable, or load it in smaller pieces.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_misaligned_stack(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "*(u64 *)(r10 - 8) = r0;"
		     "*(u64 *)(r10 - 16) = r0;"
		     "r0 = *(u64 *)(r10 - 12);"
		     "exit;");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
