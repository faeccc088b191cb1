// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Going through the sockets that are open, and closing those of a port.
 */
#include "kfuncs.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	u16 skc_family;
	u16 skc_num; /* the own port */
	u8 skc_state;
};

struct sock {
	struct sock_common __sk_common;
};

struct inet_sock {
	struct sock sk;
};

struct udp_sock {
	struct inet_sock inet;
};

struct bpf_iter__tcp {
	struct sock_common *sk_common;
};

struct bpf_iter__udp {
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

extern int bpf_sock_destroy(struct sock_common *sk) __ksym;

u32 port = 8080;
u32 seen;
u32 closed;

SEC("iter/tcp")
int destroy_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;

	if (!sk)
		return 0;
	seen++;
	if (sk->skc_num == port && bpf_sock_destroy(sk) == 0)
		closed++;
	return 0;
}

SEC("iter/udp")
int destroy_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *sk = ctx->udp_sk;

	if (!sk)
		return 0;
	seen++;
	if (sk->inet.sk.__sk_common.skc_num == port &&
	    bpf_sock_destroy((struct sock_common *)sk) == 0)
		closed++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
