// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * An iterator: whoever reads it gets a line for each task. It runs once for each and, at the end,
 * once with none.
 */
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file {
	u64 count;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

static long (*const bpf_seq_printf)(struct seq_file *file, const char *format, u32 format_size,
				    const void *args, u32 args_size) = (void *)126;

SEC("iter/task")
int iter_tasks(struct bpf_iter__task *ctx)
{
	static const char head[] = "  pid name\n", line[] = "%5d %s\n", end[] = "%llu tasks\n";
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	u64 args[2];

	if (!task) {
		args[0] = ctx->meta->seq_num;
		bpf_seq_printf(seq, end, sizeof(end), args, sizeof(args[0]));
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		bpf_seq_printf(seq, head, sizeof(head), NULL, 0);
	args[0] = task->pid;
	args[1] = (u64)task->comm;
	bpf_seq_printf(seq, line, sizeof(line), args, sizeof(args));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
