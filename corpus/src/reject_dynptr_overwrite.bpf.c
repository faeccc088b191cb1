// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a dynptr to a ring buffer's record is made where another one is, which nobody could
 * submit any more then.
 * To mend it: submit or discard the first one before.
 */
#include "dynptr.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("xdp")
int reject_dynptr_overwrite(struct xdp_md *ctx)
{
	struct bpf_dynptr record;

	bpf_ringbuf_reserve_dynptr(&ring, 8, 0, &record);
	bpf_ringbuf_reserve_dynptr(&ring, 16, 0, &record);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
