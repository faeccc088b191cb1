// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: arithmetic that makes no sense on a pointer (only adding and subtracting does).
 * To mend it: there is no use for it; divide numbers, such as a distance between pointers.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
int reject_pointer_division(struct raw_sys_enter *ctx)
{
	return (u64)ctx / 10;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
