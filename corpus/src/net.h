/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Packets: the contexts of the networking hooks, and the headers on the wire. Numbers on
 * the wire are big-endian; compare them with bpf_htons() of a constant.
 */
#pragma once
#include "ebpf.h"

/* What an XDP program may answer. */
enum xdp_action {
	XDP_ABORTED,
	XDP_DROP,
	XDP_PASS,
	XDP_TX,
	XDP_REDIRECT,
};

/* What a tc classifier may answer. */
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

/* XDP: `data` and `data_end` are 32 bits wide here and become full pointers when loaded. */
struct xdp_md {
	u32 data;
	u32 data_end;
	u32 data_meta;
	u32 ingress_ifindex;
	u32 rx_queue_index;
	u32 egress_ifindex;
};

/* tc, socket filters, cgroup hooks: a view of the kernel's struct sk_buff. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol; /* big-endian */
	u32 vlan_present;
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
};

#define DATA(ctx) ((void *)(long)(ctx)->data)
#define DATA_END(ctx) ((void *)(long)(ctx)->data_end)

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58

struct eth {
	u8 to[6];
	u8 from[6];
	u16 type;
} __packed;

struct ipv4 {
	u8 version_and_words; /* high half: 4; low half: header length in 32-bit words */
	u8 tos;
	u16 total_len;
	u16 id;
	u16 fragment;
	u8 ttl;
	u8 protocol;
	u16 checksum;
	u32 from;
	u32 to;
};

struct ipv6 {
	u32 version_and_flow;
	u16 payload_len;
	u8 next_header;
	u8 hop_limit;
	u8 from[16];
	u8 to[16];
};

struct udp {
	u16 from_port;
	u16 to_port;
	u16 len;
	u16 checksum;
};
