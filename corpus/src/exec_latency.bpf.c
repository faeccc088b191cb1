// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * How long does execve take? Two programs of one object work together through a map.
 *
 * A kprobe runs when the function is entered, a kretprobe when it returns, with the result
 * in the register ax. What the first one stores the second takes out again.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u64);
} entered SEC(".maps");

SEC("kprobe/__x64_sys_execve")
int exec_enter(struct pt_regs *ctx)
{
	u64 thread = bpf_get_current_pid_tgid();
	u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&entered, &thread, &now, BPF_ANY);
	return 0;
}

SEC("kretprobe/__x64_sys_execve")
int exec_exit(struct pt_regs *ctx)
{
	u64 thread = bpf_get_current_pid_tgid();
	u64 *start = bpf_map_lookup_elem(&entered, &thread);
	u64 elapsed;

	if (!start)
		return 0;
	elapsed = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&entered, &thread);
	bpf_printk("execve returned %d after %llu us", (s32)ctx->ax, elapsed / 1000);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
