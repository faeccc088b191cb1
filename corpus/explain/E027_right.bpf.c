/* The whole header lies before the end. */
#include "../src/net.h"

SEC("xdp")
int drop_ipv6(struct xdp_md *ctx)
{
	struct eth *eth = DATA(ctx);

	if ((void *)(eth + 1) > DATA_END(ctx))
		return XDP_PASS;
	return eth->type == bpf_htons(ETH_P_IPV6) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
