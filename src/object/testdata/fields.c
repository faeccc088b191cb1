/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fields whose places differ between this file and a kernel. */
#include "defs.h"

struct list_head {
	void *next, *prev;
} CORE;

struct task_struct {
	char comm[16];
	s32 pid;
	struct list_head tasks;
	int no_such_field;
	u32 __state;
} CORE;

/* The same structure of another kernel: the part of the name after ___ does not count. */
struct task_struct___old {
	s32 tgid;
} CORE;

struct unknown_struct {
	u64 x;
} CORE;

static long (*probe_read)(void *to, u32 size, const void *from) = (void *)113;

SEC("raw_tp/sys_enter") int present(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_struct___old *old = (void *)ctx[0];
	s32 tgid = 0;

	probe_read(&tgid, sizeof(tgid), &old->tgid);
	return task->pid + tgid + task->comm[3] + (task->tasks.prev != 0) + task->__state;
}

SEC("raw_tp/sys_enter") int missing(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct unknown_struct *unknown = (void *)ctx[1];

	return task->pid ? task->no_such_field + unknown->x : 0;
}

/* Whether the field exists (2), and its size (1). */
SEC("raw_tp/sys_enter") int asked(u64 *ctx)
{
	struct task_struct *task = (void *)0;

	return __builtin_preserve_field_info(task->no_such_field, 2) * 100 +
	       __builtin_preserve_field_info(task->comm, 1);
}
