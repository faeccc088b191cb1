// SPDX-License-Identifier: MIT OR Apache-2.0
/* An XDP program that parses a packet and counts by its five-tuple, for 32 source ports. */
#include "../src/net.h"

struct tuple {
	u32 from;
	u32 to;
	u16 from_port;
	u16 to_port;
	u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct tuple);
	__type(value, u64);
} flows SEC(".maps");

static __always_inline int count(void *data, void *end, u16 more)
{
	struct eth *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct udp *udp = (void *)(ip + 1);
	struct tuple tuple = {};
	u64 *packets;

	if ((void *)(udp + 1) > end)
		return XDP_ABORTED;
	if (eth->type != bpf_htons(ETH_P_IP) || ip->version_and_words != 0x45)
		return XDP_PASS;
	if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	tuple.from = ip->from;
	tuple.to = ip->to;
	tuple.from_port = udp->from_port + more;
	tuple.to_port = udp->to_port;
	tuple.protocol = ip->protocol;
	packets = bpf_map_lookup_elem(&flows, &tuple);
	if (packets) {
		*packets += 1;
	} else {
		u64 first = 1;

		bpf_map_update_elem(&flows, &tuple, &first, BPF_NOEXIST);
	}
	return XDP_TX;
}

SEC("xdp")
int five_tuple(struct xdp_md *ctx)
{
	int verdict = XDP_PASS;

	for (u16 i = 0; i < 32; i++)
		verdict = count(DATA(ctx), DATA_END(ctx), i);
	return verdict;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
