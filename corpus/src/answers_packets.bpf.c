// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Packets of traffic control: tags, checksums, hashes, lengths, types, ways; right, and every error on the way.
 */
#include "answers.h"

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} cgroups SEC(".maps");

#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

SEC("tc")
int answers_tags(struct __sk_buff *skb)
{
	ANSWER(bpf_skb_vlan_pop(skb));
	ANSWER(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 5));
	ANSWER(skb->vlan_present);
	ANSWER(skb->vlan_tci);
	ANSWER(skb->vlan_proto);
	ANSWER(skb->len);
	ANSWER(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 7));
	ANSWER(skb->vlan_tci);
	ANSWER(skb->vlan_proto);
	ANSWER(skb->protocol);
	ANSWER(skb->len);
	ANSWER(bpf_skb_vlan_push(skb, 0x1234, 0xffff));
	ANSWER(skb->vlan_tci);
	ANSWER(skb->vlan_proto);
	ANSWER(bpf_skb_vlan_pop(skb));
	ANSWER(skb->vlan_tci);
	ANSWER(skb->len);
	ANSWER(bpf_skb_vlan_pop(skb));
	ANSWER(skb->vlan_present);
	ANSWER(skb->len);
	ANSWER(bpf_skb_vlan_pop(skb));
	ANSWER(bpf_skb_vlan_pop(skb));
	ANSWER(skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int answers_hash(struct __sk_buff *skb)
{
	u32 hash = bpf_get_hash_recalc(skb);

	ANSWER(hash == skb->hash);
	ANSWER(bpf_get_hash_recalc(skb) == hash);
	ANSWER(bpf_set_hash(skb, 5));
	ANSWER(skb->hash);
	ANSWER(bpf_get_hash_recalc(skb));
	bpf_set_hash_invalid(skb);
	ANSWER(skb->hash);
	ANSWER(bpf_get_hash_recalc(skb) == hash);
	return TC_ACT_OK;
}

SEC("tc")
int answers_type(struct __sk_buff *skb)
{
	ANSWER(skb->pkt_type);
	ANSWER(bpf_skb_change_type(skb, 3));
	ANSWER(skb->pkt_type);
	ANSWER(bpf_skb_change_type(skb, 4));
	ANSWER(bpf_skb_change_type(skb, 0xffffffff));
	ANSWER(bpf_skb_change_type(skb, 0));
	ANSWER(skb->pkt_type);
	return TC_ACT_OK;
}

SEC("tc")
int answers_lengths(struct __sk_buff *skb)
{
	u32 len = skb->len;

	ANSWER(bpf_skb_pull_data(skb, 0));
	ANSWER(bpf_skb_pull_data(skb, len));
	ANSWER(bpf_skb_pull_data(skb, len + 1));
	ANSWER(bpf_skb_pull_data(skb, 0xffffffff));
	ANSWER(bpf_skb_change_tail(skb, len + 10, 0));
	ANSWER(skb->len == len + 10);
	ANSWER(bpf_skb_change_tail(skb, len, 1));
	ANSWER(bpf_skb_change_tail(skb, 0x7fffffff, 0));
	ANSWER(bpf_skb_change_tail(skb, 0, 0));
	ANSWER(bpf_skb_change_tail(skb, 13, 0));
	ANSWER(bpf_skb_change_tail(skb, len, 0));
	ANSWER(skb->len == len);
	return TC_ACT_OK;
}

#define LOAD(offset, len)                                                 \
	({                                                                \
		u8 to[16] = { 7, 7, 7, 7 };                               \
		ANSWER(bpf_skb_load_bytes(skb, offset, to, len));         \
		ANSWER(SUM(to));                                          \
	})

#define LOAD_RELATIVE(offset, len, start)                                 \
	({                                                                \
		u8 to[16] = { 7, 7, 7, 7 };                               \
		ANSWER(bpf_skb_load_bytes_relative(skb, offset, to, len, start)); \
		ANSWER(SUM(to));                                          \
	})

#define STORE(offset, len, flags)                                         \
	({                                                                \
		u8 from[16] = { 1, 2, 3, 4 };                             \
		ANSWER(bpf_skb_store_bytes(skb, offset, from, len, flags)); \
	})

SEC("tc")
int answers_bytes(struct __sk_buff *skb)
{
	u32 len = skb->len;

	LOAD(0, 1);
	LOAD(12, 2);
	LOAD(len - 1, 1);
	LOAD(len, 1);
	LOAD(len - 1, 2);
	LOAD(0x7fffffff, 1);
	LOAD(0x80000000, 1);
	LOAD_RELATIVE(0, 4, 0);
	LOAD_RELATIVE(0, 1, 1);
	LOAD_RELATIVE(len - 14, 1, 1);
	LOAD_RELATIVE(len, 1, 0);
	LOAD_RELATIVE(0, 1, 2);
	LOAD_RELATIVE(0x10000, 1, 1);
	STORE(0, 4, 0);
	STORE(len - 1, 1, 1);
	STORE(len - 1, 1, 2);
	STORE(len - 1, 1, 3);
	STORE(len - 1, 1, 4);
	STORE(len, 1, 0);
	STORE(0x7fffffff, 1, 0);
	STORE(0xffffffff, 1, 0);
	bpf_set_hash(skb, 5);
	STORE(0, 1, 2);
	ANSWER(skb->hash);
	return TC_ACT_OK;
}

SEC("tc")
int answers_checksums(struct __sk_buff *skb)
{
	ANSWER(bpf_l3_csum_replace(skb, 14, 0, 5, 0));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 2));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 4));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 3));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 8));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 0));
	ANSWER(bpf_l3_csum_replace(skb, 13, 1, 2, 2));
	ANSWER(bpf_l3_csum_replace(skb, 0x10000, 1, 2, 2));
	ANSWER(bpf_l3_csum_replace(skb, skb->len, 1, 2, 2));
	ANSWER(bpf_l3_csum_replace(skb, skb->len - 1, 1, 2, 2));
	ANSWER(bpf_l3_csum_replace(skb, 14, 1, 2, 16));
	ANSWER(bpf_l4_csum_replace(skb, 14, 0, 5, 0));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 2));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 4));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 4 | 16));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 4 | 32));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 4 | 64));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 4 | 128));
	ANSWER(bpf_l4_csum_replace(skb, 14, 1, 2, 3));
	ANSWER(bpf_l4_csum_replace(skb, 13, 1, 2, 2));
	ANSWER(bpf_l4_csum_replace(skb, skb->len, 1, 2, 2));
	ANSWER(bpf_csum_update(skb, 5));
	ANSWER(bpf_csum_level(skb, 0));
	ANSWER(bpf_csum_level(skb, 1));
	ANSWER(bpf_csum_level(skb, 2));
	ANSWER(bpf_csum_level(skb, 3));
	ANSWER(bpf_csum_level(skb, 4));
	return TC_ACT_OK;
}

SEC("tc")
int answers_room(struct __sk_buff *skb)
{
	ANSWER(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 1));
	ANSWER(bpf_skb_change_proto(skb, 0x1234, 0));
	ANSWER(skb->protocol);
	ANSWER(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0));
	ANSWER(skb->protocol);
	ANSWER(skb->len);
	ANSWER(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0));
	ANSWER(skb->protocol);
	ANSWER(skb->len);
	return TC_ACT_OK;
}

/* What makes another packet of it forgets its hash. */
#define KEEPS_HASH(call)                                                  \
	({                                                                \
		bpf_set_hash(skb, 5);                                     \
		call;                                                     \
		ANSWER(skb->hash);                                        \
	})

SEC("tc")
int answers_kept_hash(struct __sk_buff *skb)
{
	KEEPS_HASH(bpf_l3_csum_replace(skb, 14, 1, 2, 2));
	KEEPS_HASH(bpf_l4_csum_replace(skb, 14, 1, 2, 2));
	KEEPS_HASH(bpf_skb_change_type(skb, 0));
	KEEPS_HASH(bpf_skb_change_tail(skb, 80, 0));
	KEEPS_HASH(bpf_skb_change_head(skb, 14, 0));
	KEEPS_HASH(bpf_skb_pull_data(skb, 20));
	KEEPS_HASH(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 5));
	KEEPS_HASH(bpf_skb_vlan_pop(skb));
	KEEPS_HASH(bpf_skb_adjust_room(skb, 8, 1, 0));
	KEEPS_HASH(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0));
	KEEPS_HASH(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0));
	return TC_ACT_OK;
}

SEC("tc")
int answers_groups(struct __sk_buff *skb)
{
	ANSWER(bpf_get_cgroup_classid(skb));
	ANSWER(bpf_skb_cgroup_classid(skb));
	ANSWER(bpf_get_route_realm(skb));
	ANSWER(bpf_skb_under_cgroup(skb, &cgroups, 0));
	ANSWER(bpf_skb_under_cgroup(skb, &cgroups, 2));
	ANSWER(bpf_skb_cgroup_id(skb));
	ANSWER(bpf_skb_ancestor_cgroup_id(skb, 0));
	ANSWER(bpf_skb_ancestor_cgroup_id(skb, 1));
	ANSWER(bpf_skb_ancestor_cgroup_id(skb, -1));
	return TC_ACT_OK;
}

struct neighbour {
	u32 family;
	u32 address[4];
};

SEC("tc")
int answers_ways(struct __sk_buff *skb)
{
	struct neighbour neighbour = { .family = 2, .address = { 0x0100007f } };

	ANSWER(bpf_redirect(1, 0));
	ANSWER(bpf_redirect(1, 1));
	ANSWER(bpf_redirect(1, 2));
	ANSWER(bpf_redirect(1, 1 << 3));
	ANSWER(bpf_redirect(0, 0));
	ANSWER(bpf_redirect_peer(1, 0));
	ANSWER(bpf_redirect_peer(1, 1));
	ANSWER(bpf_redirect_neigh(1, NULL, 0, 0));
	ANSWER(bpf_redirect_neigh(1, NULL, 0, 1));
	ANSWER(bpf_redirect_neigh(1, &neighbour, sizeof(neighbour), 0));
	ANSWER(bpf_redirect_neigh(1, &neighbour, 16, 0));
	ANSWER(bpf_redirect_neigh(1, &neighbour, 4, 0));
	ANSWER(bpf_clone_redirect(skb, 99999, 0));
	ANSWER(bpf_clone_redirect(skb, 0, 0));
	ANSWER(bpf_clone_redirect(skb, 1, 2));
	ANSWER(bpf_clone_redirect(skb, 1, 1ULL << 33));
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
