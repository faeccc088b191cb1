// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a write to a global constant. The compiler has been talked out of noticing, but
 * the map behind .rodata is frozen.
 * To mend it: drop the `const`, which moves the variable to .data.
 */
#include "trace.h"

const volatile u32 limit = 10;

SEC("raw_tp/sys_enter")
int reject_rodata_write(struct raw_sys_enter *ctx)
{
	u32 *writable = (u32 *)&limit;

	asm volatile("" : "+r"(writable));
	*writable = 20;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
