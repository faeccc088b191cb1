// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Write down what a packet's socket says of itself.
 */
#include "sock.h"

struct seen {
	u32 device, family, type, protocol, mark, priority;
	u32 from, from6[4], from_port;
	u32 to, to6[4], to_port;
	u32 state, queue;
	u32 uid, is_tcp, is_listener;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct seen);
} sockets SEC(".maps");

SEC("tc")
int socket_fields(struct __sk_buff *skb)
{
	struct bpf_sock *sk = SOCKET_OF(skb);
	struct seen *seen;
	u32 zero = 0;

	seen = bpf_map_lookup_elem(&sockets, &zero);
	if (!seen || !sk)
		return TC_ACT_OK;
	seen->uid = bpf_get_socket_uid(skb);
	seen->is_tcp = bpf_tcp_sock(sk) != NULL;
	seen->is_listener = bpf_get_listener_sock(sk) != NULL;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	seen->device = sk->bound_dev_if;
	seen->family = sk->family;
	seen->type = sk->type;
	seen->protocol = sk->protocol;
	seen->mark = sk->mark;
	seen->priority = sk->priority;
	seen->from = sk->src_ip4;
	seen->from_port = sk->src_port;
	seen->to = sk->dst_ip4;
	seen->to_port = sk->dst_port;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		seen->from6[i] = sk->src_ip6[i];
		seen->to6[i] = sk->dst_ip6[i];
	}
	seen->state = sk->state;
	seen->queue = sk->rx_queue_mapping;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
