// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Drop the first packet of every sender, remembering senders in a bloom filter.
 *
 * The filter keeps no addresses, only bits: it never forgets a sender, and it may take one
 * for known that it has never seen.
 */
#include "maps.h"
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_ZERO_SEED);
	__uint(map_extra, 3); /* hash functions */
	__type(value, u32);
} senders SEC(".maps");

SEC("xdp")
int bloom_filter(struct xdp_md *ctx)
{
	struct eth *eth = DATA(ctx);
	struct ipv4 *ip = (void *)(eth + 1);
	u32 from;

	if ((void *)(ip + 1) > DATA_END(ctx) || eth->type != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	from = ip->from;
	if (bpf_map_peek_elem(&senders, &from) == 0)
		return XDP_PASS;
	bpf_map_push_elem(&senders, &from, BPF_ANY);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
