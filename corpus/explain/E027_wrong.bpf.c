/* The packet may be shorter than that. */
#include "../src/net.h"

SEC("xdp")
int drop_ipv6(struct xdp_md *ctx)
{
	struct eth *eth = DATA(ctx);

	return eth->type == bpf_htons(ETH_P_IPV6) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
