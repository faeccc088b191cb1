// SPDX-License-Identifier: MIT OR Apache-2.0
/* Records through a ring buffer that nobody reads: once full, it refuses them. */
#include "../src/net.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct event {
	u64 number;
	u64 rest[7];
};

SEC("xdp")
int ringbuf(struct xdp_md *ctx)
{
	u32 sent = 0;

	for (u64 i = 0; i < 64; i++) {
		struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

		if (!event)
			continue;
		event->number = i;
		bpf_ringbuf_submit(event, 0);
		sent++;
	}
	return sent;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
