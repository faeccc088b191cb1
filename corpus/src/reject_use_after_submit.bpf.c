// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a ring buffer record is read after it was submitted, when the reader may already
 * have let others write there.
 * To mend it: keep what is needed in a variable, and submit last.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int reject_use_after_submit(struct sys_enter_execve *ctx)
{
	volatile u32 *pid = bpf_ringbuf_reserve(&events, sizeof(*pid), 0);

	if (!pid)
		return 0;
	*pid = bpf_get_current_pid_tgid() >> 32;
	bpf_ringbuf_submit((void *)pid, 0);
	return *pid & 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
