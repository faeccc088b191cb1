/* A member that is there. */
#include "../src/net.h"

SEC("xdp")
int read(struct xdp_md *ctx)
{
	return ctx->rx_queue_index ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
