// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The tracepoint sched_process_exec once more, with typed arguments.
 *
 * The verifier knows that `task` points to a task_struct, and lets the program read its
 * members like any memory, without a helper.
 */
#include "kernel.h"
#include "trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG3(btf_tracepoint, struct task_struct *, task, s32, old_pid, struct linux_binprm *, bprm)
{
	bpf_printk("pid %d, child of %d, was %d", task->tgid, task->real_parent->tgid, old_pid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
