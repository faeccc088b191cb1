// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Rewrite packets on their way: send UDP for port 53 to port 5353, and take one from the TTL.
 *
 * A classifier of tc sees the packet as a socket buffer. It could write to it directly; the
 * helpers used here also work where the buffer is not in one piece. Each change to a header
 * is made up for in the checksums by difference: the sum need not be computed anew.
 */
#include "net.h"

#define FROM_PORT bpf_htons(53)
#define TO_PORT bpf_htons(5353)

#define OFFSET_TTL (sizeof(struct eth) + __builtin_offsetof(struct ipv4, ttl))
#define OFFSET_IP_CHECKSUM (sizeof(struct eth) + __builtin_offsetof(struct ipv4, checksum))
#define OFFSET_PORT (sizeof(struct eth) + sizeof(struct ipv4) + __builtin_offsetof(struct udp, to_port))
#define OFFSET_UDP_CHECKSUM \
	(sizeof(struct eth) + sizeof(struct ipv4) + __builtin_offsetof(struct udp, checksum))

/* A UDP checksum of zero means "none", and must stay that way. */
#define BPF_F_MARK_MANGLED_0 (1U << 5)

SEC("tc")
int tc_rewrite(struct __sk_buff *skb)
{
	void *end = DATA_END(skb);
	struct eth *eth = DATA(skb);
	struct ipv4 *ip = (void *)(eth + 1);
	struct udp *udp = (void *)(ip + 1);
	u16 old_word, new_word, new_port = TO_PORT;
	u8 ttl;

	if ((void *)(udp + 1) > end || eth->type != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (ip->version_and_words != 0x45 || ip->protocol != IPPROTO_UDP || udp->to_port != FROM_PORT)
		return TC_ACT_OK;
	if (ip->ttl <= 1)
		return TC_ACT_SHOT;

	/* Checksums are sums of 16-bit words: the TTL shares one with the protocol. */
	ttl = ip->ttl - 1;
	old_word = bpf_htons(ip->ttl << 8 | IPPROTO_UDP);
	new_word = bpf_htons(ttl << 8 | IPPROTO_UDP);

	/* From the first of these calls on, the pointers above are no longer valid. */
	bpf_l4_csum_replace(skb, OFFSET_UDP_CHECKSUM, FROM_PORT, new_port,
			    BPF_F_MARK_MANGLED_0 | sizeof(new_port));
	bpf_skb_store_bytes(skb, OFFSET_PORT, &new_port, sizeof(new_port), 0);
	bpf_l3_csum_replace(skb, OFFSET_IP_CHECKSUM, old_word, new_word, sizeof(new_word));
	bpf_skb_store_bytes(skb, OFFSET_TTL, &ttl, sizeof(ttl), 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
