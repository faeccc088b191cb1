// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the packet is read without a comparison with its end.
 * To mend it: `if ((void *)(eth + 1) > DATA_END(ctx)) return XDP_PASS;` before the access.
 */
#include "net.h"

SEC("xdp")
int reject_packet_bounds(struct xdp_md *ctx)
{
	struct eth *eth = DATA(ctx);

	return eth->type == bpf_htons(ETH_P_IPV6) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
