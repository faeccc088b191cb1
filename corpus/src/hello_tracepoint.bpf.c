// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Say which file a process is about to execute.
 *
 * A tracepoint is a stable place the kernel's authors chose, with a documented record as the
 * context. The filename is a pointer into the process's memory, which a program may not
 * follow itself: a helper copies the string.
 */
#include "trace.h"

SEC("tracepoint/syscalls/sys_enter_execve")
int hello_tracepoint(struct sys_enter_execve *ctx)
{
	char filename[128];

	if (bpf_probe_read_user_str(filename, sizeof(filename), ctx->filename) < 0)
		return 0;
	bpf_printk("Hello, %s!", filename);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
