// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A short cut between two sockets of one machine: a program on socket operations puts each new
 * connection into a map, and one on messages sends what one end writes straight to the other.
 */
#include "net.h"

#define BPF_MAP_TYPE_SOCKHASH 18
#define ACTIVE_ESTABLISHED 4
#define PASSIVE_ESTABLISHED 5
#define BPF_F_INGRESS 1

struct bpf_sock_ops {
	u32 op;
	u32 args[4];
	u32 family;
	u32 remote_ip4, local_ip4;
	u32 remote_ip6[4], local_ip6[4];
	u32 remote_port; /* big-endian */
	u32 local_port;  /* not */
};

struct sk_msg_md {
	void *data, *data_end;
	u32 family;
	u32 remote_ip4, local_ip4;
	u32 remote_ip6[4], local_ip6[4];
	u32 remote_port, local_port;
};

/* Ports, as the socket's own end and its other end see them. */
struct ports {
	u32 local, remote;
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 64);
	__type(key, struct ports);
	__type(value, u64);
} connections SEC(".maps");

static long (*const bpf_sock_hash_update)(void *ctx, void *map, void *key, u64 flags) = (void *)70;
static long (*const bpf_msg_redirect_hash)(void *msg, void *map, void *key, u64 flags) = (void *)71;

SEC("sockops")
int remember(struct bpf_sock_ops *ctx)
{
	struct ports ports = { ctx->local_port, bpf_ntohl(ctx->remote_port) };

	if (ctx->op == ACTIVE_ESTABLISHED || ctx->op == PASSIVE_ESTABLISHED)
		bpf_sock_hash_update(ctx, &connections, &ports, BPF_ANY);
	return 0;
}

SEC("sk_msg")
int short_cut(struct sk_msg_md *msg)
{
	struct ports peer = { bpf_ntohl(msg->remote_port), msg->local_port };

	return bpf_msg_redirect_hash(msg, &connections, &peer, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
