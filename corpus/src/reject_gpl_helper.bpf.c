// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a helper that is reserved for programs under a GPL-compatible licence, in a program
 * that declares another.
 * To mend it: declare "GPL", "Dual MIT/GPL" or another the kernel knows, if the author agrees.
 */
#include "trace.h"

SEC("kprobe/__x64_sys_execve")
int reject_gpl_helper(struct pt_regs *ctx)
{
	bpf_printk("Hello World!");
	return 0;
}

char LICENSE[] SEC("license") = "Proprietary";
