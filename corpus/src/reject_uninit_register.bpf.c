// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the program ends without a value in r0, its result. (A compiler would not write
 * this; the function is pure assembly.)
 * To mend it: `r0 = 0` before `exit`.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int reject_uninit_register(struct raw_sys_enter *ctx)
{
	asm volatile("exit");
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
