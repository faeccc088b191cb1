// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Read the kernel's own structures: who is the parent of the process that calls execve?
 *
 * Their layout differs from kernel to kernel. "Compile once, run everywhere" means that clang
 * notes which member each access is to, and the loader fills in the offset (see kernel.h).
 */
#include "kernel.h"
#include "trace.h"

SEC("kprobe/__x64_sys_execve")
int core_read(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *parent = READ_KERNEL(task, real_parent);
	struct cred *cred = READ_KERNEL(task, cred);
	char comm[16] = {};

	bpf_probe_read_kernel(comm, sizeof(comm), &parent->comm);
	bpf_printk("user %d, child of %d (%s)", READ_KERNEL(cred, uid.val), READ_KERNEL(parent, tgid),
		   comm);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
