// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count how often each task replaces its program, in storage that hangs on the task.
 *
 * Nobody has to delete such a value: it goes when the task does, and no other task that gets
 * the same pid later sees it. A hash map by pid could do neither.
 */
#include "kernel.h"
#include "maps.h"
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, s32);
	__type(value, u64);
} programs SEC(".maps");

SEC("tp_btf/sched_process_exec")
int TYPED_PROG3(task_storage, struct task_struct *, task, s32, old_pid, struct linux_binprm *, bprm)
{
	u64 *count = bpf_task_storage_get(&programs, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!count)
		return 0;
	*count += 1;
	bpf_printk("program %d of process %d", (u32)*count, task->tgid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
