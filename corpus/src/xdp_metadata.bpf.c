// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Leave a note before a packet: whoever has the packet next finds it between data_meta and data.
 */
#include "net.h"

static long (*const bpf_xdp_adjust_meta)(struct xdp_md *ctx, int delta) = (void *)54;

SEC("xdp")
int xdp_metadata(struct xdp_md *ctx)
{
	u32 *note;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note)))
		return XDP_DROP;
	note = (void *)(long)ctx->data_meta;
	if ((void *)(note + 1) > (void *)(long)ctx->data)
		return XDP_DROP;
	*note = 0x01020304;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
