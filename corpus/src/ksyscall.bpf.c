// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The arguments of a system call, seen from a kprobe.
 *
 * `ksyscall/execve` lets the loader find the name of the entry function. On x86-64 that
 * function has one argument, a pointer to the registers that user space had: the arguments of
 * the system call are in there, and have to be fetched with helpers. A fourth value no longer
 * fits bpf_printk, so the line is printed from an array of arguments.
 */
#include "trace.h"

SEC("ksyscall/execve")
int ksyscall(struct pt_regs *ctx)
{
	static const char format[] = "%s calls execve(%s), argv[0] is %s, uid %d";
	struct pt_regs *user = (void *)ctx->di;
	char comm[16] = {}, filename[64] = {}, arg0[64] = {};
	const char *pointer = NULL;
	unsigned long di = 0, si = 0;
	u64 args[4];

	bpf_probe_read_kernel(&di, sizeof(di), &user->di);
	bpf_probe_read_kernel(&si, sizeof(si), &user->si);
	bpf_get_current_comm(comm, sizeof(comm));
	bpf_probe_read_user_str(filename, sizeof(filename), (void *)di);
	bpf_probe_read_user(&pointer, sizeof(pointer), (void *)si);
	bpf_probe_read_user_str(arg0, sizeof(arg0), pointer);

	args[0] = (u64)comm;
	args[1] = (u64)filename;
	args[2] = (u64)arg0;
	args[3] = (u32)bpf_get_current_uid_gid();
	bpf_trace_vprintk(format, sizeof(format), args, sizeof(args));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
