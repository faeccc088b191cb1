// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One program for each system call of interest, chosen by number.
 *
 * A tail call jumps into another program and never comes back: unless the array has nothing
 * at that index, in which case the caller simply goes on.
 */
#include "trace.h"

SEC("raw_tp/sys_enter")
int on_write(struct raw_sys_enter *ctx)
{
	bpf_printk("write");
	return 0;
}

SEC("raw_tp/sys_enter")
int on_execve(struct raw_sys_enter *ctx)
{
	bpf_printk("execve");
	return 0;
}

/* Too frequent to talk about: an entry of its own keeps it from the default case. */
SEC("raw_tp/sys_enter")
int on_read(struct raw_sys_enter *ctx)
{
	return 0;
}

/* The loader fills the array with the programs named here. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 512);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} by_number SEC(".maps") = {
	.values = {
		[NR_read] = (void *)&on_read,
		[NR_write] = (void *)&on_write,
		[NR_execve] = (void *)&on_execve,
	},
};

SEC("raw_tp/sys_enter")
int dispatch(struct raw_sys_enter *ctx)
{
	bpf_tail_call(ctx, &by_number, (u32)ctx->nr);

	/* Only reached when there is no program for this number. */
	bpf_printk("another system call: %d", (u32)ctx->nr);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
