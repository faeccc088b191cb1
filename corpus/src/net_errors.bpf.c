// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What helpers of packets and sockets answer, right and wrong: every answer goes into an array,
 * to be read there, and to be compared with a kernel's.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 96);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

struct fib_lookup {
	u8 family, l4_protocol;
	u16 sport, dport, tot_len;
	u32 ifindex, tos;
	u32 source[4], destination[4];
	u32 table;
	u8 smac[6], dmac[6];
};

struct tunnel_key {
	u32 id, remote[4];
	u8 tos, ttl;
	u16 flags;
	u32 label, local[4];
};

static long (*const bpf_skb_get_tunnel_key)(void *, void *, u32, u64) = (void *)20;
static long (*const bpf_skb_set_tunnel_key)(void *, void *, u32, u64) = (void *)21;
static long (*const bpf_skb_get_tunnel_opt)(void *, void *, u32) = (void *)29;
static long (*const bpf_skb_set_tunnel_opt)(void *, void *, u32) = (void *)30;
static long (*const bpf_skb_get_xfrm_state)(void *, u32, void *, u32, u64) = (void *)66;
static long (*const bpf_fib_lookup)(void *, void *, int, u32) = (void *)69;
static void *(*const bpf_sk_lookup_tcp)(void *, void *, u32, u64, u64) = (void *)84;
static void *(*const bpf_sk_lookup_udp)(void *, void *, u32, u64, u64) = (void *)85;
static long (*const bpf_sk_release)(void *) = (void *)86;
static long (*const bpf_skb_ecn_set_ce)(void *) = (void *)97;
static u64 (*const bpf_skb_cgroup_classid)(void *) = (void *)151;
static long (*const bpf_check_mtu)(void *, u32, u32 *, int, u64) = (void *)163;
static long (*const bpf_skb_set_tstamp)(void *, u64, u32) = (void *)192;
static s64 (*const bpf_tcp_raw_gen_syncookie_ipv4)(void *, void *, u32) = (void *)204;
static s64 (*const bpf_tcp_raw_gen_syncookie_ipv6)(void *, void *, u32) = (void *)205;
static long (*const bpf_tcp_raw_check_syncookie_ipv4)(void *, void *) = (void *)206;
static long (*const bpf_tcp_raw_check_syncookie_ipv6)(void *, void *) = (void *)207;

/* A TCP header with an option of 4 bytes: the segment size. */
struct segment {
	u16 source, dest;
	u32 seq, ack_seq;
	u8 doff, flags;
	u16 window, check, urgent;
	u8 options[4];
};

static __always_inline int syncookies(void)
{
	struct segment tcp = { .source = 1, .dest = 2, .seq = 7, .doff = 6 << 4, .flags = 2 };
	u32 ip[10] = { 0x45, 0, 0, 0x0100000a, 0x0200000a };
	s64 cookie;

	answer(0, bpf_tcp_raw_gen_syncookie_ipv4(ip, &tcp, 19));
	answer(1, bpf_tcp_raw_gen_syncookie_ipv4(ip, &tcp, 20));
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(ip, &tcp, 24);
	/* The upper half is the segment size that the cookie says. */
	answer(2, cookie >> 32);
	tcp.ack_seq = bpf_htonl((u32)cookie + 1);
	tcp.seq = bpf_htonl(bpf_ntohl(7) + 1);
	answer(3, bpf_tcp_raw_check_syncookie_ipv4(ip, &tcp));
	tcp.ack_seq = bpf_htonl((u32)cookie + 2);
	answer(4, bpf_tcp_raw_check_syncookie_ipv4(ip, &tcp) == 0);
	tcp.source = 77;
	answer(5, bpf_tcp_raw_check_syncookie_ipv4(ip, &tcp));
	tcp.options[0] = 2;
	tcp.options[1] = 4;
	tcp.options[2] = 1400 >> 8;
	tcp.options[3] = 1400 & 0xff;
	answer(6, bpf_tcp_raw_gen_syncookie_ipv4(ip, &tcp, 24) >> 32);
	answer(7, bpf_tcp_raw_gen_syncookie_ipv6(ip, &tcp, 24) >> 32);
	tcp.options[0] = 1;
	answer(8, bpf_tcp_raw_gen_syncookie_ipv6(ip, &tcp, 24) >> 32);
	cookie = bpf_tcp_raw_gen_syncookie_ipv6(ip, &tcp, 24);
	tcp.ack_seq = bpf_htonl((u32)cookie + 1);
	tcp.seq = bpf_htonl(bpf_ntohl(tcp.seq) + 1);
	answer(9, bpf_tcp_raw_check_syncookie_ipv6(ip, &tcp));
	return 0;
}

SEC("xdp")
int net_errors_xdp(struct xdp_md *ctx)
{
	struct fib_lookup fib = { .family = 2, .ifindex = 1 };
	u32 tuple[9] = { 0x0100007f, 0x0100007f, 0x01000100 };
	u32 mtu = 0;
	void *sk;

	syncookies();
	answer(16, bpf_fib_lookup(ctx, &fib, 63, 0));
	answer(17, bpf_fib_lookup(ctx, &fib, sizeof(fib), 64));
	answer(18, bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	fib.ifindex = 99999;
	answer(19, bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	fib.family = 10;
	answer(20, bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	fib.family = 3;
	answer(21, bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));

	answer(24, bpf_check_mtu(ctx, 0, &mtu, 0, 0));
	answer(25, mtu);
	mtu = 0;
	answer(26, bpf_check_mtu(ctx, 1, &mtu, 70000, 0));
	answer(27, mtu);
	mtu = 65537;
	answer(28, bpf_check_mtu(ctx, 1, &mtu, 0, 0));
	mtu = 65537;
	answer(29, bpf_check_mtu(ctx, 1, &mtu, -1, 0));
	mtu = 5;
	answer(30, bpf_check_mtu(ctx, 1, &mtu, 0, 1));
	answer(31, mtu);
	answer(32, bpf_check_mtu(ctx, 99999, &mtu, 0, 0));
	answer(33, mtu);

	sk = bpf_sk_lookup_tcp(ctx, tuple, 12, (u64)-1, 0);
	answer(36, sk != NULL);
	if (sk)
		bpf_sk_release(sk);
	sk = bpf_sk_lookup_udp(ctx, tuple, 36, (u64)-1, 1);
	answer(37, sk != NULL);
	if (sk)
		bpf_sk_release(sk);
	return XDP_PASS;
}

SEC("tc")
int net_errors_tc(struct __sk_buff *skb)
{
	struct tunnel_key key = { .id = 5, .remote = { 1, 2, 3, 4 }, .tos = 6, .ttl = 7,
				  .local = { 8, 9, 10, 11 } };
	struct tunnel_key got = {};
	u32 options[4] = { 1, 2, 3, 4 }, mtu;
	struct fib_lookup fib = { .family = 2, .ifindex = 1 };

	answer(40, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 0));
	answer(41, bpf_skb_get_tunnel_opt(skb, options, 8));
	answer(42, bpf_skb_set_tunnel_opt(skb, options, 8));
	answer(43, bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 32));
	answer(44, bpf_skb_set_tunnel_key(skb, &key, 43, 0));
	key.label = 1;
	answer(45, bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	key.label = 0;
	key.flags = 1;
	answer(46, bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	key.flags = 0;
	answer(47, bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	answer(48, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 1));
	answer(49, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 2));
	answer(50, bpf_skb_get_tunnel_key(skb, &got, 43, 0));
	answer(51, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 0));
	answer(52, got.id | (u64)got.remote[0] << 8 | (u64)got.local[0] << 16 | (u64)got.remote[1] << 24 |
		   (u64)got.tos << 32 | (u64)got.ttl << 40);
	answer(53, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 16));
	answer(54, got.flags);
	answer(55, bpf_skb_get_tunnel_opt(skb, options, 8));
	answer(56, bpf_skb_set_tunnel_opt(skb, options, 6));
	answer(57, bpf_skb_set_tunnel_opt(skb, options, 8));
	answer(58, bpf_skb_get_tunnel_opt(skb, options, 4));
	answer(59, bpf_skb_get_tunnel_opt(skb, options, 16));
	key.label = 0x12345678;
	answer(60, bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 1 | 2 | 4 | 8 | 16));
	answer(61, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 1 | 16));
	answer(62, got.label | (u64)got.flags << 32);
	answer(63, got.remote[3] | (u64)got.local[3] << 32);
	answer(64, bpf_skb_get_tunnel_key(skb, &got, 8, 1));
	answer(65, bpf_skb_get_tunnel_key(skb, &got, 28, 1));

	answer(68, bpf_skb_get_xfrm_state(skb, 0, options, 16, 0));
	answer(69, bpf_skb_cgroup_classid(skb));
	answer(70, bpf_skb_set_tstamp(skb, 5, 0));
	answer(71, bpf_skb_set_tstamp(skb, 0, 0));
	answer(72, bpf_skb_set_tstamp(skb, 6, 1));
	answer(73, bpf_skb_set_tstamp(skb, 0, 1));
	answer(74, bpf_skb_set_tstamp(skb, 7, 2));
	answer(75, bpf_skb_set_tstamp(skb, 7, 3));
	answer(76, bpf_skb_ecn_set_ce(skb));
	mtu = 0;
	answer(78, bpf_check_mtu(skb, 0, &mtu, 70000, 0));
	answer(79, mtu);
	answer(80, bpf_check_mtu(skb, 1, &mtu, 1, 1));
	answer(81, mtu);
	answer(82, bpf_check_mtu(skb, 1, &mtu, 0, 2));
	answer(83, bpf_fib_lookup(skb, &fib, sizeof(fib), 0));
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
