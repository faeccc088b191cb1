// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a function that calls itself. Each round takes a frame, and the verifier finds no
 * end to them.
 * To mend it: a loop.
 */
#include "trace.h"

__noinline int countdown(u32 number)
{
	volatile u32 left = number;

	return left ? countdown(left - 1) + (int)left : 0;
}

SEC("raw_tp/sys_enter")
int reject_recursion(struct raw_sys_enter *ctx)
{
	return countdown(3);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
