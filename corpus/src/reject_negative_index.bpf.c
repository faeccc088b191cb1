// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a signed index is checked against the end of an array but not against its start.
 * To mend it: make it unsigned, or `if (index < 0) return 0;` as well.
 */
#include "trace.h"

s32 wanted;
u32 slots[8];

SEC("raw_tp/sys_enter")
int reject_negative_index(struct raw_sys_enter *ctx)
{
	s64 index = wanted;

	if (index >= 8)
		return 0;
	slots[index] += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
