// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Send a record to user space for every program start, through a ring buffer.
 *
 * One buffer serves all CPUs, and records keep their order. A program may reserve room and
 * fill it in place, without a copy, or hand over a finished record as with perf.
 */
#include "trace.h"

struct event {
	u32 pid;
	u32 uid;
	char comm[16];
	char filename[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024); /* bytes: a power of two, and whole pages */
} events SEC(".maps");

static __always_inline void fill(struct event *event, const char *filename)
{
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = (u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	if (bpf_probe_read_user_str(event->filename, sizeof(event->filename), filename) < 0)
		event->filename[0] = '\0';
}

/* Reserve, fill, submit. From reserve to submit the record is the program's to account for. */
SEC("tracepoint/syscalls/sys_enter_execve")
int ringbuf_reserve(struct sys_enter_execve *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) /* the reader is too slow and the buffer full */
		return 0;
	fill(event, ctx->filename);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Copy a record from the stack; an empty filename is not worth one. */
SEC("tracepoint/syscalls/sys_enter_execve")
int ringbuf_copy(struct sys_enter_execve *ctx)
{
	struct event event = {};

	fill(&event, ctx->filename);
	if (event.filename[0])
		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
