/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The socket that a packet belongs to: behind the last members of struct __sk_buff, which most
 * programs here do without.
 */
#pragma once
#include "maps.h"
#include "net.h"

#define BPF_MAP_TYPE_SK_STORAGE 24

struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4; /* addresses are big-endian */
	u32 src_ip6[4];
	u32 src_port;
	u16 dst_port; /* big-endian */
	u16 padding;
	u32 dst_ip4;
	u32 dst_ip6[4];
	u32 state;
	s32 rx_queue_mapping;
};

/* The member `sk`. */
#define SOCKET_OF(skb) (*(struct bpf_sock **)((void *)(skb) + 168))

static u32 (*const bpf_get_socket_uid)(void *skb) = (void *)47;
static struct bpf_sock *(*const bpf_sk_fullsock)(struct bpf_sock *sk) = (void *)95;
static void *(*const bpf_tcp_sock)(struct bpf_sock *sk) = (void *)96;
static struct bpf_sock *(*const bpf_get_listener_sock)(struct bpf_sock *sk) = (void *)98;
static void *(*const bpf_sk_storage_get)(void *map, void *sk, void *value, u64 flags) = (void *)107;
