/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Structures of functions: one that Linux has, one of a flavour, and one to ask for. */
#include "defs.h"

struct sock;

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*not_in_the_kernel)(struct sock *sk);
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
	u32 key;
};

struct tcp_congestion_ops___small {
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

SEC("struct_ops/ssthresh") u32 ssthresh(u64 *ctx)
{
	return 2;
}

SEC("struct_ops") u32 undo_cwnd(u64 *ctx)
{
	return 3;
}

SEC("struct_ops") u32 asked_for(u64 *ctx)
{
	return 4;
}

SEC("struct_ops") u32 forgotten(u64 *ctx)
{
	return 5;
}

SEC(".struct_ops.link") struct tcp_congestion_ops first = {
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.name = "first",
};

SEC(".struct_ops") struct tcp_congestion_ops___small second = {
	.undo_cwnd = (void *)undo_cwnd,
	.name = "second",
};

SEC("?.struct_ops.link") struct tcp_congestion_ops optional = {
	.ssthresh = (void *)asked_for,
	.name = "optional",
};

char licence[] SEC("license") = "GPL";
