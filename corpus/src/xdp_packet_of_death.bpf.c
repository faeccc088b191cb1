// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Drop one crafted packet and let all others pass.
 *
 * The story: some server crashes on a UDP datagram to port 9 whose payload begins with the
 * bytes "KILL". Until it is mended, this program keeps such packets away from it.
 */
#include "net.h"

#define DEADLY_PORT 9
#define DEADLY_MAGIC bpf_htonl(0x4b494c4c) /* "KILL" */

SEC("xdp")
int xdp_packet_of_death(struct xdp_md *ctx)
{
	void *data = DATA(ctx), *end = DATA_END(ctx);
	struct eth *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct udp *udp;
	u32 *magic;

	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (eth->type != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;

	/* The header says its own length. Masked, it is at most 60, and the verifier knows. */
	udp = (void *)ip + ((ip->version_and_words & 15) * 4);
	magic = (void *)(udp + 1);
	if ((void *)(magic + 1) > end)
		return XDP_PASS;
	if (udp->to_port == bpf_htons(DEADLY_PORT) && *magic == DEADLY_MAGIC)
		return XDP_DROP;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
