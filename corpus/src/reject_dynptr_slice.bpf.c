// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a part of a ring buffer's record is used after the record was submitted.
 * To mend it: submit when nothing is to be done with the record any more.
 */
#include "dynptr.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("xdp")
int reject_dynptr_slice(struct xdp_md *ctx)
{
	struct bpf_dynptr record;
	u64 *part;

	bpf_ringbuf_reserve_dynptr(&ring, sizeof(*part), 0, &record);
	part = bpf_dynptr_data(&record, 0, sizeof(*part));
	bpf_ringbuf_submit_dynptr(&record, 0);
	if (part)
		*part = 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
