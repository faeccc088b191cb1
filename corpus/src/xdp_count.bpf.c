// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count packets by protocol, as early as the network driver hands them over.
 *
 * XDP programs read the packet directly, between `data` and `data_end`. The verifier wants to
 * see every access preceded by a comparison with `data_end`.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} packets SEC(".maps");

/* The protocol above IP; 255, which is reserved, stands for all that is not IP. */
static __always_inline u32 protocol_of(void *data, void *end)
{
	struct eth *eth = data;

	if ((void *)(eth + 1) > end)
		return 255;
	if (eth->type == bpf_htons(ETH_P_IP)) {
		struct ipv4 *ip = (void *)(eth + 1);

		return (void *)(ip + 1) > end ? 255 : ip->protocol;
	}
	if (eth->type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6 *ip = (void *)(eth + 1);

		return (void *)(ip + 1) > end ? 255 : ip->next_header;
	}
	return 255;
}

SEC("xdp")
int xdp_count(struct xdp_md *ctx)
{
	u32 protocol = protocol_of(DATA(ctx), DATA_END(ctx));
	u64 *count = bpf_map_lookup_elem(&packets, &protocol);

	if (count)
		*count += 1;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
