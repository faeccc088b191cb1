// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a callback of bpf_loop() that returns 2. It may say 0 (go on) or 1 (stop).
 * To mend it: return one of the two.
 */
#include "trace.h"

static long step(u32 index, void *unused)
{
	return 2;
}

SEC("raw_tp/sys_enter")
int reject_callback_return(struct raw_sys_enter *ctx)
{
	bpf_loop(10, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
