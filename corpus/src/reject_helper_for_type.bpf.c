// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a helper that only programs on socket buffers may call, in an XDP program, which
 * runs before there is a socket buffer.
 * To mend it: attach to tc (`SEC("tc")`), or write to the packet directly.
 */
#include "net.h"

SEC("xdp")
int reject_helper_for_type(struct xdp_md *ctx)
{
	u8 ttl = 1;

	bpf_skb_store_bytes(ctx, sizeof(struct eth) + 8, &ttl, sizeof(ttl), 0);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
