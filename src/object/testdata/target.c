/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program whose functions others replace or trace. */
#include "defs.h"

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

u64 asked;

static NOINLINE int twice(int number)
{
	asm volatile("" : "+r"(number));
	return number * 2;
}

NOINLINE int decide(struct xdp_md *ctx, int port)
{
	asm volatile("" : "+r"(port), "+r"(ctx));
	return port == 80 ? 2 : 1;
}

SEC("xdp") int filter(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&asked, 1);
	return decide(ctx, twice(ctx->ingress_ifindex) == 2 ? 80 : 443);
}
