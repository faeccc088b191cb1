// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What tcpdump does: choose the packets that a socket gets to see.
 *
 * The answer is how many bytes to keep, 0 for none. Socket filters may not access the packet
 * directly; a helper copies from it. The second program uses the older way, instructions
 * inherited from classic BPF, which end the program with 0 when the packet is too short.
 */
#include "net.h"

#define OFFSET_PROTOCOL (sizeof(struct eth) + __builtin_offsetof(struct ipv4, protocol))
#define OFFSET_TYPE __builtin_offsetof(struct eth, type)

SEC("socket")
int keep_udp(struct __sk_buff *skb)
{
	u8 protocol = 0;
	u16 type = 0;

	if (bpf_skb_load_bytes(skb, OFFSET_TYPE, &type, sizeof(type)) < 0)
		return 0;
	if (type != bpf_htons(ETH_P_IP))
		return 0;
	if (bpf_skb_load_bytes(skb, OFFSET_PROTOCOL, &protocol, sizeof(protocol)) < 0)
		return 0;
	return protocol == IPPROTO_UDP ? skb->len : 0;
}

/* Results come in the machine's byte order. */
u64 load_byte(void *skb, u64 offset) asm("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 offset) asm("llvm.bpf.load.half");

SEC("socket")
int keep_tcp(struct __sk_buff *skb)
{
	if (load_half(skb, OFFSET_TYPE) != ETH_P_IP)
		return 0;
	return load_byte(skb, OFFSET_PROTOCOL) == IPPROTO_TCP ? 64 : 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
