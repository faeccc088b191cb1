// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the program reads beyond the end of its context, whose size its type decides.
 * To mend it: declare the context as the kernel does; struct xdp_md ends after 24 bytes.
 */
#include "net.h"

struct too_long {
	struct xdp_md real;
	u32 imagined;
};

SEC("xdp")
int reject_ctx_bounds(struct too_long *ctx)
{
	return ctx->imagined ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
