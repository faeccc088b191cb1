// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a write through a typed pointer. Programs may read the kernel's structures, not
 * change them.
 * To mend it: there is no way in a tracing program, and that is on purpose.
 */
#include "kernel.h"
#include "trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(reject_typed_write, struct task_struct *, task)
{
	task->tgid = 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
