// SPDX-License-Identifier: MIT OR Apache-2.0
/* A program that tail-calls itself as often as it may. */
#include "../src/net.h"

int tail(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} next SEC(".maps") = {
	.values = { [0] = (void *)&tail },
};

SEC("xdp")
int tail(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
