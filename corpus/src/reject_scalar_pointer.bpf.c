// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a number is used as an address. To the verifier, what bpf_get_current_task() returns
 * is a number, and a load through it could fault.
 * To mend it: let bpf_probe_read_kernel() read it, as core_read does, or use a typed hook.
 */
#include "kernel.h"
#include "trace.h"

SEC("raw_tp/sys_enter")
int reject_scalar_pointer(struct raw_sys_enter *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->tgid & 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
