// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Say which program a process has become.
 *
 * sys_enter_execve fires for every attempt; sched_process_exec only when the new program
 * is in place. Its filename is not a pointer but follows the record at an offset.
 */
#include "trace.h"

SEC("tp/sched/sched_process_exec")
int sched_exec(struct sched_process_exec *ctx)
{
	char filename[64];
	u32 offset = ctx->filename_location & 0xffff;

	if (bpf_probe_read_kernel_str(filename, sizeof(filename), (char *)ctx + offset) < 0)
		return 0;
	bpf_printk("pid %d is now %s", ctx->pid, filename);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
