// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Room before a packet: its network header moves behind it, and helpers that begin there go
 * along. Every answer goes into an array, to be read there, and to be compared with a kernel's.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

static long (*const bpf_skb_load_bytes_relative)(void *, u32, void *, u32, u32) = (void *)68;
static long (*const bpf_skb_change_proto)(void *, u16, u64) = (void *)31;
static long (*const bpf_skb_change_head)(void *, u32, u64) = (void *)43;
static long (*const bpf_skb_adjust_room)(void *, s32, u32, u64) = (void *)50;

#define NET 0
#define MAC 1

SEC("tc")
int reads(struct __sk_buff *skb)
{
	u16 word = 7;

	answer(0, bpf_skb_change_head(skb, 20, 0));
	answer(1, bpf_skb_load_bytes_relative(skb, 0, &word, 2, 1));
	answer(2, word);
	answer(3, bpf_skb_load_bytes_relative(skb, 32, &word, 2, 0));
	answer(4, word);
	answer(5, bpf_skb_load_bytes_relative(skb, 0, &word, 2, 0));
	answer(6, word);
	return TC_ACT_OK;
}

SEC("tc")
int grows(struct __sk_buff *skb)
{
	answer(8, bpf_skb_change_head(skb, 14, 0));
	answer(9, bpf_skb_adjust_room(skb, 8, MAC, 0));
	answer(10, bpf_skb_adjust_room(skb, 4, NET, 0));
	answer(11, skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int shrinks(struct __sk_buff *skb)
{
	answer(16, bpf_skb_change_head(skb, 20, 0));
	answer(17, bpf_skb_adjust_room(skb, -14, MAC, 0));
	answer(18, bpf_skb_adjust_room(skb, -8, MAC, 0));
	answer(19, bpf_skb_adjust_room(skb, -8, NET, 0));
	answer(20, skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int translates(struct __sk_buff *skb)
{
	answer(24, bpf_skb_change_head(skb, 20, 0));
	answer(25, bpf_skb_change_proto(skb, bpf_htons(0x86dd), 0));
	answer(26, skb->len);
	answer(27, bpf_skb_change_head(skb, 6, 0));
	answer(28, bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0));
	answer(29, skb->len);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
