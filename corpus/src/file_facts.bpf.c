// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The file that the current task runs: its path, and attributes that it does not have.
 */
#include "dynptr.h"
#include "kernel.h"
#include "trace.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct path {
	void *dentry;
};

struct file {
	struct path f_path;
};

#pragma clang attribute pop

static struct task_struct *(*const current_task)(void) = (void *)158;

extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;
extern int bpf_path_d_path(struct path *path, char *buf, u64 buf__sz) __ksym;
extern int bpf_get_file_xattr(struct file *file, const char *name__str,
			      struct bpf_dynptr *value_p) __ksym;

const char users[] = "user.ebpf_sim";
const char others[] = "security.ebpf_sim";
char text[64];
char value[16];
s64 length;
s64 too_short;
s64 of_users;
s64 of_others;

SEC("lsm.s/bprm_check_security")
int TYPED_PROG2(file_facts, struct linux_binprm *, bprm, int, previous)
{
	struct file *file = bpf_get_task_exe_file(current_task());
	struct bpf_dynptr room;

	if (!file)
		return 0;
	length = bpf_path_d_path(&file->f_path, text, sizeof(text));
	too_short = bpf_path_d_path(&file->f_path, value, 2);
	bpf_dynptr_from_mem(value, sizeof(value), 0, &room);
	of_users = bpf_get_file_xattr(file, users, &room);
	of_others = bpf_get_file_xattr(file, others, &room);
	bpf_put_file(file);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
