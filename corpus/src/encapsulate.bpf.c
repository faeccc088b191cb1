// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Room for headers around a packet: bpf_skb_adjust_room with flags that say what the room is for,
 * right and wrong. A packet is enclosed once. Every answer goes into an array, to be read there,
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

#define MAC 1
#define ENCAP_IPV4 (1 << 1)
#define ENCAP_IPV6 (1 << 2)
#define ENCAP_GRE (1 << 3)
#define ENCAP_UDP (1 << 4)
#define ENCAP_ETH (1 << 6)
#define LINK_LEN(len) ((u64)(len) << 56)

SEC("tc")
int encapsulate(struct __sk_buff *skb)
{
	answer(0, bpf_skb_adjust_room(skb, 28, MAC, ENCAP_IPV4 | ENCAP_UDP));
	answer(1, bpf_skb_adjust_room(skb, 28, MAC, ENCAP_IPV4 | ENCAP_UDP));
	answer(2, bpf_skb_adjust_room(skb, 40, MAC, ENCAP_IPV6));
	answer(3, bpf_skb_adjust_room(skb, 8, MAC, 0));
	answer(4, bpf_skb_adjust_room(skb, -36, MAC, 0));
	answer(5, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4));
	/* What is wrong by itself is found before that. */
	answer(6, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4 | ENCAP_IPV6));
	answer(7, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4 | ENCAP_GRE | ENCAP_UDP));
	answer(8, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4 | ENCAP_ETH));
	answer(9, bpf_skb_adjust_room(skb, 20, MAC, ENCAP_IPV4 | LINK_LEN(21)));
	answer(10, skb->len);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
