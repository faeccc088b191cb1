// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a loop whose end the verifier cannot see, because nothing that the condition
 * depends on changes in a way that leads out.
 * To mend it: count the rounds, `for (u32 i = 0; i < 100; i++)`.
 */
#include "trace.h"

volatile u32 stop;

SEC("tracepoint/syscalls/sys_enter_execve")
int reject_unbounded_loop(struct sys_enter_execve *ctx)
{
	while (!stop)
		;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
