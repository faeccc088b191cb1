// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Room for headers around a packet, and away with it: what bpf_skb_adjust_room checks first, and what
 * it makes of a packet's protocol. Every answer goes into an array, to be read there,
 * and to be compared with a kernel's.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

static long (*const bpf_skb_adjust_room)(void *, s32, u32, u64) = (void *)50;

#define NET 0
#define MAC 1
#define FIXED_GSO (1 << 0)
#define ENCAP_IPV4 (1 << 1)
#define ENCAP_IPV6 (1 << 2)
#define ENCAP_GRE (1 << 3)
#define ENCAP_UDP (1 << 4)
#define ENCAP_ETH (1 << 6)
#define DECAP_IPV4 (1 << 7)
#define DECAP_IPV6 (1 << 8)
#define LINK_LEN(len) ((u64)(len) << 56)

SEC("tc")
int decapsulate(struct __sk_buff *skb)
{
	answer(0, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4 | LINK_LEN(21)));
	answer(1, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_GRE | ENCAP_UDP | LINK_LEN(21)));
	answer(2, bpf_skb_adjust_room(skb, 54, MAC, ENCAP_IPV6 | ENCAP_ETH | LINK_LEN(14)));
	answer(3, skb->protocol);
	answer(4, bpf_skb_adjust_room(skb, 4, MAC, DECAP_IPV4));
	answer(5, bpf_skb_adjust_room(skb, -4, MAC, DECAP_IPV4 | DECAP_IPV6));
	answer(6, bpf_skb_adjust_room(skb, -4, MAC, ENCAP_IPV4));
	answer(7, bpf_skb_adjust_room(skb, -1000, MAC, ENCAP_IPV4));
	answer(8, bpf_skb_adjust_room(skb, -5000, MAC, ENCAP_IPV4));
	answer(9, bpf_skb_adjust_room(skb, -5000, 7, 1 << 9));
	answer(10, bpf_skb_adjust_room(skb, -4, 7, ENCAP_IPV4));
	answer(11, bpf_skb_adjust_room(skb, -4, MAC, FIXED_GSO | DECAP_IPV4));
	answer(12, skb->protocol);
	answer(13, bpf_skb_adjust_room(skb, -4, NET, DECAP_IPV6));
	answer(14, skb->protocol);
	answer(15, skb->len);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
