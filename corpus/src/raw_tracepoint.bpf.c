// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * See every system call, and speak up for execve.
 *
 * A raw tracepoint skips the record and hands over the tracepoint's arguments as they are:
 * faster, but the program must know what they mean. sys_enter has two, the caller's
 * registers and the number of the system call.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
int raw_tracepoint(struct raw_sys_enter *ctx)
{
	if (ctx->nr == NR_execve)
		bpf_printk("system call %d", (u32)ctx->nr);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
