// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A congestion control: programs stand in for the functions of a structure of the kernel's. This one grows its window
 * as the kernel's own does, but starts with a larger one and gives up less when something is lost; what it must
 * remember of a connection lies with that.
 */
#include "kfuncs.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock {
	u64 sk_pacing_rate;
};

struct inet_connection_sock {
	u64 icsk_ca_priv[13];
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 snd_cwnd;
	u32 snd_ssthresh;
};

struct ack_sample {
	u32 pkts_acked;
};

#pragma clang attribute pop

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*pkts_acked)(struct sock *sk, const struct ack_sample *sample);
	void (*init)(struct sock *sk);
	char name[16];
};

extern u32 tcp_slow_start(struct tcp_sock *tp, u32 acked) __ksym;
extern void tcp_cong_avoid_ai(struct tcp_sock *tp, u32 w, u32 acked) __ksym;
extern u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

/* What is remembered of a connection. */
struct memory {
	u64 acked;
};

static __always_inline struct memory *memory(struct sock *sk)
{
	return (struct memory *)((struct tcp_sock *)sk)->inet_conn.icsk_ca_priv;
}

SEC("struct_ops/init")
void congestion_init(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];

	((struct tcp_sock *)sk)->snd_cwnd = 20;
	memory(sk)->acked = 0;
}

SEC("struct_ops/ssthresh")
u32 congestion_ssthresh(u64 *ctx)
{
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	u32 less = tp->snd_cwnd - tp->snd_cwnd / 4;

	return less > 2 ? less : 2;
}

SEC("struct_ops/cong_avoid")
void congestion_avoid(u64 *ctx)
{
	struct tcp_sock *tp = (struct tcp_sock *)ctx[0];
	u32 acked = ctx[2];

	if (tp->snd_cwnd < tp->snd_ssthresh)
		acked = tcp_slow_start(tp, acked);
	if (acked)
		tcp_cong_avoid_ai(tp, tp->snd_cwnd, acked);
}

SEC("struct_ops/pkts_acked")
void congestion_acked(u64 *ctx)
{
	const struct ack_sample *sample = (const struct ack_sample *)ctx[1];

	memory((struct sock *)ctx[0])->acked += sample->pkts_acked;
}

SEC("struct_ops/undo_cwnd")
u32 congestion_undo(u64 *ctx)
{
	return tcp_reno_undo_cwnd((struct sock *)ctx[0]);
}

SEC(".struct_ops")
struct tcp_congestion_ops gentle = {
	.init = (void *)congestion_init,
	.ssthresh = (void *)congestion_ssthresh,
	.cong_avoid = (void *)congestion_avoid,
	.pkts_acked = (void *)congestion_acked,
	.undo_cwnd = (void *)congestion_undo,
	.name = "gentle",
};

char LICENSE[] SEC("license") = "GPL";
