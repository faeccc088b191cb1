// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Hand packets on: UDP to another device, TCP to another CPU, ICMP to a socket of user space.
 *
 * The low bits of the flags say what becomes of a packet for which the map has nothing.
 * The maps are empty until user space fills them.
 */
#include "maps.h"
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} sockets SEC(".maps");

SEC("xdp")
int redirect_map(struct xdp_md *ctx)
{
	struct eth *eth = DATA(ctx);
	struct ipv4 *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > DATA_END(ctx) || eth->type != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	switch (ip->protocol) {
	case IPPROTO_UDP:
		return bpf_redirect_map(&devices, 1, XDP_PASS);
	case IPPROTO_TCP:
		return bpf_redirect_map(&cpus, 0, XDP_DROP);
	case IPPROTO_ICMP:
		return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_TX);
	default:
		return XDP_PASS;
	}
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
