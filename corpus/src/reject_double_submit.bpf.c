// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a record is released twice, first submitted and then discarded.
 * To mend it: one or the other, with a `return` or an `else` between them.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_execve")
int reject_double_submit(struct sys_enter_execve *ctx)
{
	u32 *pid = bpf_ringbuf_reserve(&events, sizeof(*pid), 0);

	if (!pid)
		return 0;
	*pid = bpf_get_current_pid_tgid() >> 32;
	bpf_ringbuf_submit(pid, 0);
	bpf_ringbuf_discard(pid, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
