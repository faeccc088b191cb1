// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Tracked connections: looked up, made, changed, put into the kernel's table, and found there again from both sides. Every
 * answer and every error goes into an array.
 *
 * The functions are weak: many kernels have connection tracking in a module, and the program does nothing there.
 */
#include "net.h"
#include "kfuncs.h"

#define __weak __attribute__((weak))
#define AF_INET_TUPLE sizeof(((struct bpf_sock_tuple *)0)->ipv4)

struct bpf_sock_tuple {
	union {
		struct {
			u32 saddr;
			u32 daddr;
			u16 sport;
			u16 dport;
		} ipv4;
		struct {
			u32 saddr[4];
			u32 daddr[4];
			u16 sport;
			u16 dport;
		} ipv6;
	};
};

struct bpf_ct_opts {
	s32 netns_id;
	s32 error;
	u8 l4proto;
	u8 dir;
	u16 ct_zone_id;
	u8 ct_zone_dir;
	u8 reserved[3];
};

/* Before Linux 6.10 there were no zones in it. */
#define SHORT_OPTS 12

union nf_inet_addr {
	u32 all[4];
};

enum nf_nat_manip_type {
	NF_NAT_MANIP_SRC,
	NF_NAT_MANIP_DST,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct nf_conn {
	u32 timeout;
	unsigned long status;
	u32 mark;
};

#pragma clang attribute pop

extern struct nf_conn *bpf_xdp_ct_alloc(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size,
					struct bpf_ct_opts *opts, u32 opts_size) __ksym __weak;
extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size,
					 struct bpf_ct_opts *opts, u32 opts_size) __ksym __weak;
extern struct nf_conn *bpf_skb_ct_alloc(struct __sk_buff *ctx, struct bpf_sock_tuple *tuple,
					u32 tuple_size, struct bpf_ct_opts *opts,
					u32 opts_size) __ksym __weak;
extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *ctx, struct bpf_sock_tuple *tuple,
					 u32 tuple_size, struct bpf_ct_opts *opts,
					 u32 opts_size) __ksym __weak;
extern struct nf_conn *bpf_ct_insert_entry(struct nf_conn *ct) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *ct) __ksym __weak;
extern void bpf_ct_set_timeout(struct nf_conn *ct, u32 timeout) __ksym __weak;
extern int bpf_ct_change_timeout(struct nf_conn *ct, u32 timeout) __ksym __weak;
extern int bpf_ct_set_status(struct nf_conn *ct, u32 status) __ksym __weak;
extern int bpf_ct_change_status(struct nf_conn *ct, u32 status) __ksym __weak;
extern int bpf_ct_set_nat_info(struct nf_conn *ct, union nf_inet_addr *address, int port,
			       enum nf_nat_manip_type manip) __ksym __weak;

static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;
static u64 (*const bpf_jiffies64)(void) = (void *)118;

static __always_inline s64 looked_up(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size,
				     struct bpf_ct_opts *opts, u32 opts_size)
{
	struct nf_conn *ct = bpf_xdp_ct_lookup(ctx, tuple, tuple_size, opts, opts_size);

	if (!ct)
		return opts->error;
	bpf_ct_release(ct);
	return 0;
}

/* Every way in which nothing is looked up. */
SEC("xdp")
int ct_errors(struct xdp_md *ctx)
{
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 6 };
	struct bpf_sock_tuple tuple = {};

	if (!bpf_xdp_ct_lookup || !bpf_ct_release)
		return XDP_PASS;
	answer(0, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -ENOENT */
	answer(1, opts.ct_zone_dir);
	answer(2, looked_up(ctx, NULL, 0, &opts, sizeof(opts))); /* -EINVAL */
	answer(3, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts) - 1)); /* -EINVAL */
	answer(4, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, SHORT_OPTS)); /* -ENOENT */
	answer(5, looked_up(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts))); /* -EAFNOSUPPORT */
	answer(6, looked_up(ctx, &tuple, sizeof(tuple.ipv6), &opts, sizeof(opts))); /* -ENOENT */
	opts.reserved[2] = 1;
	answer(7, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -EINVAL */
	opts.reserved[2] = 0;
	opts.ct_zone_id = 1;
	answer(8, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, SHORT_OPTS)); /* -EINVAL */
	opts.ct_zone_id = 0;
	opts.l4proto = 1;
	answer(9, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -EPROTO */
	/* Which error comes first. */
	answer(10, looked_up(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	opts.netns_id = 61455;
	answer(11, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts)));
	opts.l4proto = 17;
	answer(12, looked_up(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	answer(13, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -ENONET */
	opts.netns_id = -2;
	answer(14, looked_up(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -EINVAL */
	answer(15, looked_up(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	opts.l4proto = 1;
	answer(50, looked_up(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	return XDP_PASS;
}

static __always_inline s64 made(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size,
				struct bpf_ct_opts *opts, u32 opts_size)
{
	struct nf_conn *ct = bpf_xdp_ct_alloc(ctx, tuple, tuple_size, opts, opts_size);

	if (!ct)
		return opts->error;
	ct = bpf_ct_insert_entry(ct);
	if (ct)
		bpf_ct_release(ct);
	return 0;
}

/* Every way in which none is made, and which error comes first. */
SEC("xdp")
int ct_not_made(struct xdp_md *ctx)
{
	struct bpf_ct_opts opts = { .netns_id = -2, .l4proto = 1 };
	struct bpf_sock_tuple tuple = {};

	if (!bpf_xdp_ct_alloc || !bpf_ct_insert_entry || !bpf_ct_release)
		return XDP_PASS;
	answer(51, made(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	answer(52, made(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts)));
	opts.l4proto = 6;
	answer(53, made(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	opts.netns_id = 61455;
	answer(54, made(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	answer(55, made(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts))); /* -ENONET */
	opts.l4proto = 1;
	answer(56, made(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts)));
	answer(57, made(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	opts.reserved[0] = 1;
	answer(58, made(ctx, &tuple, AF_INET_TUPLE - 1, &opts, sizeof(opts)));
	opts.reserved[0] = 0;
	answer(59, made(ctx, NULL, 0, &opts, sizeof(opts)));
	answer(60, made(ctx, &tuple, AF_INET_TUPLE, &opts, 13));
	return XDP_PASS;
}

static __always_inline void by_chance(struct bpf_sock_tuple *tuple)
{
	tuple->ipv4.saddr = bpf_get_prandom_u32();
	tuple->ipv4.daddr = bpf_get_prandom_u32();
	tuple->ipv4.sport = bpf_get_prandom_u32();
	tuple->ipv4.dport = bpf_get_prandom_u32();
}

/* The life of a connection. */
SEC("tc")
int ct_life(struct __sk_buff *ctx)
{
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 6 };
	struct bpf_sock_tuple tuple = {}, back = {};
	struct nf_conn *ct;

	if (!bpf_skb_ct_alloc || !bpf_skb_ct_lookup || !bpf_ct_insert_entry || !bpf_ct_release ||
	    !bpf_ct_set_timeout || !bpf_ct_change_timeout || !bpf_ct_set_status || !bpf_ct_change_status)
		return TC_ACT_OK;
	by_chance(&tuple);
	ct = bpf_skb_ct_alloc(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts));
	if (!ct)
		return TC_ACT_SHOT;
	answer(16, opts.ct_zone_dir);
	answer(17, ct->status);
	bpf_ct_set_timeout(ct, 40000);
	answer(18, bpf_ct_set_status(ct, 1 << 3)); /* -EBUSY: confirmed */
	answer(19, bpf_ct_set_status(ct, 1 << 1 | 1 << 4 | 1 << 13));
	answer(20, ct->status);
	ct->mark = 77;
	ct = bpf_ct_insert_entry(ct);
	if (!ct)
		return TC_ACT_SHOT;
	answer(21, ct->status);
	answer(22, (u32)(ct->timeout - (u32)bpf_jiffies64()) > 0);
	answer(23, bpf_ct_change_status(ct, 1 << 3)); /* -EBUSY: a reply was seen */
	answer(24, bpf_ct_change_status(ct, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 9)); /* -EBUSY: dying */
	answer(25, bpf_ct_change_status(ct, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 10));
	answer(26, ct->status);
	answer(27, bpf_ct_change_timeout(ct, 1000)); /* -EPERM: fixed */
	bpf_ct_release(ct);

	ct = bpf_skb_ct_lookup(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts));
	if (!ct)
		return TC_ACT_SHOT;
	answer(28, opts.dir);
	answer(29, ct->mark);
	ct->mark++;
	bpf_ct_release(ct);

	back.ipv4.saddr = tuple.ipv4.daddr;
	back.ipv4.daddr = tuple.ipv4.saddr;
	back.ipv4.sport = tuple.ipv4.dport;
	back.ipv4.dport = tuple.ipv4.sport;
	ct = bpf_skb_ct_lookup(ctx, &back, AF_INET_TUPLE, &opts, SHORT_OPTS);
	if (!ct)
		return TC_ACT_SHOT;
	answer(30, opts.dir);
	answer(31, ct->mark);
	bpf_ct_release(ct);

	ct = bpf_skb_ct_alloc(ctx, &back, AF_INET_TUPLE, &opts, sizeof(opts));
	if (!ct)
		return TC_ACT_SHOT;
	ct = bpf_ct_insert_entry(ct); /* there is one with that flow */
	answer(32, ct != NULL);
	if (ct)
		bpf_ct_release(ct);
	return TC_ACT_OK;
}

static __always_inline bool is_there(struct __sk_buff *ctx, struct bpf_sock_tuple *tuple, u16 zone, u8 ways)
{
	struct bpf_ct_opts opts = {
		.netns_id = -1, .l4proto = 17, .ct_zone_id = zone, .ct_zone_dir = ways,
	};
	struct nf_conn *ct = bpf_skb_ct_lookup(ctx, tuple, AF_INET_TUPLE, &opts, sizeof(opts));

	if (!ct)
		return false;
	bpf_ct_release(ct);
	return true;
}

/* A connection with its ends translated, and in a zone: the way back is that of the translation, and in none. */
SEC("tc")
int ct_translated(struct __sk_buff *ctx)
{
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = 17, .ct_zone_id = 10, .ct_zone_dir = 1 };
	struct bpf_sock_tuple tuple = {}, back = {};
	union nf_inet_addr source = {}, destination = {};
	struct nf_conn *ct;

	if (!bpf_skb_ct_alloc || !bpf_skb_ct_lookup || !bpf_ct_insert_entry || !bpf_ct_release ||
	    !bpf_ct_set_nat_info)
		return TC_ACT_OK;
	by_chance(&tuple);
	source.all[0] = bpf_get_prandom_u32();
	destination.all[0] = bpf_get_prandom_u32();
	ct = bpf_skb_ct_alloc(ctx, &tuple, AF_INET_TUPLE, &opts, sizeof(opts));
	if (!ct)
		return TC_ACT_SHOT;
	answer(40, bpf_ct_set_nat_info(ct, &source, 2000, NF_NAT_MANIP_SRC));
	answer(41, bpf_ct_set_nat_info(ct, &destination, 0, NF_NAT_MANIP_DST));
	answer(42, ct->status);
	ct = bpf_ct_insert_entry(ct);
	if (!ct)
		return TC_ACT_SHOT;
	bpf_ct_release(ct);
	answer(43, is_there(ctx, &tuple, 10, 1));
	answer(44, is_there(ctx, &tuple, 10, 0));
	answer(45, is_there(ctx, &tuple, 10, 2));
	answer(46, is_there(ctx, &tuple, 0, 0));
	back.ipv4.saddr = destination.all[0];
	back.ipv4.sport = tuple.ipv4.dport;
	back.ipv4.daddr = source.all[0];
	back.ipv4.dport = bpf_htons(2000);
	answer(47, is_there(ctx, &back, 0, 0));
	answer(48, is_there(ctx, &back, 10, 1));
	answer(49, is_there(ctx, &back, 10, 2));
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
