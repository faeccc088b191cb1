// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The first program: say hello whenever a process calls execve.
 *
 * A kprobe runs a program when the kernel enters a function, here the entry of the execve
 * system call on x86-64. The line appears in the kernel's trace pipe.
 */
#include "trace.h"

SEC("kprobe/__x64_sys_execve")
int hello(struct pt_regs *ctx)
{
	bpf_printk("Hello World!");
	return 0;
}

/* Helpers that trace are open only to programs under a GPL-compatible licence, which the
 * program declares here. */
char LICENSE[] SEC("license") = "Dual MIT/GPL";
