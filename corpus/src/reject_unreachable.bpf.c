// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: instructions that no path leads to. (A compiler leaves none behind.)
 * To mend it: delete them.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_unreachable(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "goto +1;"
		     "r0 = 1;"
		     "exit;");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
