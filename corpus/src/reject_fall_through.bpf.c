// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the last instruction is neither an exit nor a jump; the program would run on into
 * whatever comes after it.
 * To mend it: `exit` at the end.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_fall_through(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
