// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a division by the constant zero. (By a register that happens to be zero it is
 * allowed, and yields zero.)
 * To mend it: divide by something else.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_division_by_zero(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 1;"
		     "r0 /= 0;"
		     "exit;");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
