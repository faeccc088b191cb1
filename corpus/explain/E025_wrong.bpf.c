/* struct xdp_md ends before this member. */
#include "../src/net.h"

struct too_long {
	struct xdp_md real;
	u32 imagined;
};

SEC("xdp")
int read(struct too_long *ctx)
{
	return ctx->imagined ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
