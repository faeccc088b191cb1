// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Memory by address, the kernel's and a process's: copied, read as text, written, and every error on the way.
 * What a process holds differs between machines, so only what must be the same anywhere is kept of it.
 */
#include "answers.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	unsigned long arg_start, arg_end, start_code, start_stack;
};

struct task_struct {
	struct mm_struct *mm;
	struct task_struct *real_parent;
	s32 pid;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, char[16]);
} texts SEC(".maps");

/* Where user space ends depends on the processor's page tables; these are clear anywhere. */
#define KERNEL_SPACE ((void *)0xffffffffffffff00)
#define NOT_CANONICAL ((void *)0x0123456789abcdef)
#define NOWHERE ((void *)0x10)

/* What a failure leaves in the buffer is kept too. */
#define COPY(helper, size, from)                                          \
	({                                                                \
		char to[8] = "-------";                                   \
		ANSWER(helper(to, size, from));                           \
		ANSWER(SUM(to));                                          \
	})

#define BAD_PLACES(helper)                                                \
	({                                                                \
		COPY(helper, 8, KERNEL_SPACE);                            \
		COPY(helper, 8, NOT_CANONICAL);                           \
		COPY(helper, 8, NOWHERE);                                 \
		COPY(helper, 8, NULL);                                    \
		COPY(helper, 0, NOWHERE);                                 \
		COPY(helper, 0, NULL);                                    \
		COPY(helper, 0, KERNEL_SPACE);                            \
		COPY(helper, 1, NOWHERE);                                 \
		COPY(helper, 1, (void *)0x00007fffffffeffful);            \
	})

static __always_inline char *text(void)
{
	u32 key = 0;
	char *value = bpf_map_lookup_elem(&texts, &key);

	if (value)
		__builtin_memcpy(value, "sixteen letters", 16);
	return value;
}

SEC("syscall")
int answers_kernel_memory(void *ctx)
{
	char *from = text();

	if (!from)
		return 0;
	COPY(bpf_probe_read_kernel, 8, from);
	COPY(bpf_probe_read_kernel, 8, from + 8);
	COPY(bpf_probe_read_kernel, 0, from);
	COPY(bpf_probe_read_kernel_str, 8, from);
	COPY(bpf_probe_read_kernel_str, 8, from + 12);
	COPY(bpf_probe_read_kernel_str, 1, from);
	COPY(bpf_probe_read_kernel_str, 0, from);
	COPY(bpf_probe_read, 8, from);
	COPY(bpf_probe_read_str, 8, from + 12);
	COPY(bpf_probe_read_str, 8, from);
	COPY(bpf_probe_read_user, 8, from);
	COPY(bpf_probe_read_user_str, 8, from);
	COPY(bpf_copy_from_user, 8, from);
	return 0;
}

SEC("syscall")
int answers_bad_kernel_memory(void *ctx)
{
	BAD_PLACES(bpf_probe_read_kernel);
	BAD_PLACES(bpf_probe_read_kernel_str);
	return 0;
}

SEC("syscall")
int answers_bad_memory(void *ctx)
{
	BAD_PLACES(bpf_probe_read);
	BAD_PLACES(bpf_probe_read_str);
	return 0;
}

SEC("syscall")
int answers_bad_user_memory(void *ctx)
{
	BAD_PLACES(bpf_probe_read_user);
	BAD_PLACES(bpf_probe_read_user_str);
	BAD_PLACES(bpf_copy_from_user);
	return 0;
}

/* A process's first argument, read in every way, and written over with itself. */
SEC("syscall")
int answers_process(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	char one[8] = {}, other[8] = {}, zero[8] = {};
	char *argument;

	argument = (char *)task->mm->arg_start;
	ANSWER(bpf_probe_read_user(one, 2, argument));
	ANSWER(bpf_copy_from_user(other, 2, argument));
	ANSWER(SUM(one) == SUM(other));
	ANSWER(bpf_probe_read(other, 2, argument));
	ANSWER(bpf_copy_from_user_task(other, 2, argument, task, 0));
	ANSWER(SUM(one) == SUM(other));
	ANSWER(bpf_copy_from_user_task(other, 2, argument, task, 1));
	ANSWER(SUM(other) == SUM(one));
	ANSWER(bpf_copy_from_user_task(other, 2, NOWHERE, task, 0));
	ANSWER(SUM(other) == SUM(zero));
	ANSWER(bpf_copy_from_user_task(other, 0, argument, task, 0));
	ANSWER(bpf_copy_from_user_task(other, 0, argument, task, 1));
	ANSWER(bpf_copy_from_user_task(other, 2, KERNEL_SPACE, task, 0));
	ANSWER(bpf_probe_read_user_str(other, 2, argument));
	ANSWER(bpf_probe_read_str(other, 2, argument));
	ANSWER(bpf_probe_read_user_str(other, 1, argument));
	ANSWER(bpf_probe_read_kernel(other, 2, argument));
	ANSWER(bpf_probe_read_kernel_str(other, 2, argument));
	return 0;
}

SEC("syscall")
int answers_written(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	char *argument;
	char one[2] = {}, other[2] = {};

	argument = (char *)task->mm->arg_start;
	bpf_probe_read_user(one, 2, argument);
	ANSWER(bpf_probe_write_user(argument, one, 2));
	bpf_probe_read_user(other, 2, argument);
	ANSWER(one[0] == other[0] && one[1] == other[1]);
	ANSWER(bpf_probe_write_user(NOWHERE, one, 2));
	ANSWER(bpf_probe_write_user(NULL, one, 2));
	ANSWER(bpf_probe_write_user(KERNEL_SPACE, one, 2));
	ANSWER(bpf_probe_write_user(NOT_CANONICAL, one, 2));
	ANSWER(bpf_probe_write_user((void *)task->mm->start_code, one, 2));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
