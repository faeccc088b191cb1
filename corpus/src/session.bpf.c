// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One program at the entry of a function and at its return, with eight bytes that are its own
 * between the two. What it returns at the entry decides whether it runs at the return.
 */
#include "trace.h"
#include "kfuncs.h"

extern bool bpf_session_is_return(void) __ksym;
extern u64 *bpf_session_cookie(void) __ksym;

SEC("kprobe.session/__x64_sys_execve")
int both(struct pt_regs *ctx)
{
	u64 *cookie = bpf_session_cookie();

	if (!bpf_session_is_return()) {
		*cookie = 42;
		bpf_printk("entered");
		return 0;
	}
	bpf_printk("returned with %llu", *cookie);
	return 0;
}

SEC("kprobe.session/__x64_sys_execve")
int entry_only(struct pt_regs *ctx)
{
	u64 *cookie = bpf_session_cookie();

	bpf_printk("entry_only: %d, %llu", bpf_session_is_return(), *cookie);
	*cookie = 1;
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
