// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The socket of a packet, which in a test run is of no protocol: what it is not, what hangs on it, and every error on
 * the way. And sockets that are looked for where none is.
 */
#include "answers.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, s32);
	__type(value, u64);
} stored SEC(".maps");

SMALL(sockets, BPF_MAP_TYPE_SOCKMAP);
SMALL(sockets_by_key, BPF_MAP_TYPE_SOCKHASH);
SMALL(reused, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);

#define CAST(helper) ANSWER(helper(sk) == NULL)

SEC("tc")
int answers_casts(struct __sk_buff *skb)
{
	struct bpf_sock *sk = SOCKET_OF(skb);

	ANSWER(sk != NULL);
	if (!sk)
		return TC_ACT_OK;
	CAST(bpf_skc_to_tcp_sock);
	CAST(bpf_skc_to_tcp6_sock);
	CAST(bpf_skc_to_tcp_timewait_sock);
	CAST(bpf_skc_to_tcp_request_sock);
	CAST(bpf_skc_to_udp6_sock);
	CAST(bpf_skc_to_unix_sock);
	CAST(bpf_skc_to_mptcp_sock);
	CAST(bpf_sk_fullsock);
	CAST(bpf_tcp_sock);
	CAST(bpf_get_listener_sock);
	return TC_ACT_OK;
}

SEC("tc")
int answers_of_socket(struct __sk_buff *skb)
{
	u64 cookie = bpf_get_socket_cookie(skb);

	ANSWER(cookie != 0);
	ANSWER(bpf_get_socket_cookie(skb) == cookie);
	ANSWER(bpf_get_socket_uid(skb));
	return TC_ACT_OK;
}

SEC("tc")
int answers_stored(struct __sk_buff *skb)
{
	struct bpf_sock *sk = SOCKET_OF(skb);
	u64 *value, first = 5;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return TC_ACT_OK;
	ANSWER(bpf_sk_storage_delete(&stored, sk));
	ANSWER(bpf_sk_storage_get(&stored, sk, NULL, 0) == NULL);
	ANSWER(bpf_sk_storage_get(&stored, sk, &first, 2) == NULL);
	ANSWER(bpf_sk_storage_get(&stored, sk, &first, 0) == NULL);
	value = bpf_sk_storage_get(&stored, sk, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? *value : 99);
	if (value)
		*value = 7;
	value = bpf_sk_storage_get(&stored, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? *value : 99);
	ANSWER(bpf_sk_storage_delete(&stored, sk));
	ANSWER(bpf_sk_storage_delete(&stored, sk));
	value = bpf_sk_storage_get(&stored, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? *value : 99);
	return TC_ACT_OK;
}

SEC("cgroup_skb/egress")
int answers_groups_of_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = SOCKET_OF(skb);

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return 1;
	ANSWER(bpf_sk_cgroup_id(sk));
	ANSWER(bpf_sk_ancestor_cgroup_id(sk, 0));
	ANSWER(bpf_sk_ancestor_cgroup_id(sk, 7));
	return 1;
}

#define LOOKUP(helper, size, netns, flags)                                \
	({                                                                \
		u32 tuple[9] = { 0x0100007f, 0x0200007f, 0x01000100 };    \
		struct bpf_sock *sk = helper(ctx, tuple, size, netns, flags); \
		ANSWER(sk != NULL);                                       \
		if (sk)                                                   \
			bpf_sk_release(sk);                               \
	})

SEC("tc")
int answers_looked_for(struct __sk_buff *ctx)
{
	LOOKUP(bpf_skc_lookup_tcp, 12, -1ULL, 0);
	LOOKUP(bpf_skc_lookup_tcp, 36, -1ULL, 0);
	LOOKUP(bpf_skc_lookup_tcp, 20, -1ULL, 0);
	LOOKUP(bpf_skc_lookup_tcp, 12, 0, 0);
	LOOKUP(bpf_skc_lookup_tcp, 12, 1ULL << 32, 0);
	LOOKUP(bpf_skc_lookup_tcp, 12, -1ULL, 1);
	LOOKUP(bpf_sk_lookup_tcp, 12, -1ULL, 0);
	LOOKUP(bpf_sk_lookup_udp, 36, -1ULL, 0);
	return TC_ACT_OK;
}

/* Maps of sockets hand out sockets, of which there are none. */
SEC("tc")
int answers_maps_of_sockets(struct __sk_buff *ctx)
{
	u32 zero = 0, two = 2;
	struct bpf_sock *sk;

	sk = bpf_map_lookup_elem(&sockets, &zero);
	ANSWER(sk != NULL);
	if (sk)
		bpf_sk_release(sk);
	sk = bpf_map_lookup_elem(&sockets_by_key, &zero);
	ANSWER(sk != NULL);
	if (sk)
		bpf_sk_release(sk);
	ANSWER(bpf_map_delete_elem(&sockets, &zero));
	ANSWER(bpf_map_delete_elem(&sockets, &two));
	ANSWER(bpf_map_delete_elem(&sockets_by_key, &zero));
	return TC_ACT_OK;
}

struct header {
	u16 source, dest;
	u32 seq, ack_seq;
	u8 doff, flags;
	u16 window, check, urgent;
};

/* Cookies for a socket that listens, which this is not. */
SEC("tc")
int answers_cookies(struct __sk_buff *skb)
{
	struct header tcp = { .source = 1, .dest = 2, .doff = 5 << 4, .flags = 2 };
	u32 ip[10] = { 0x45, 0, 0, 0x0100000a, 0x0200000a };
	struct bpf_sock *sk = SOCKET_OF(skb);

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return TC_ACT_OK;
	ANSWER(bpf_tcp_gen_syncookie(sk, ip, 20, &tcp, 20));
	ANSWER(bpf_tcp_gen_syncookie(sk, ip, 20, &tcp, 19));
	ANSWER(bpf_tcp_gen_syncookie(sk, ip, 40, &tcp, 20));
	ANSWER(bpf_tcp_check_syncookie(sk, ip, 20, &tcp, 20));
	ANSWER(bpf_tcp_check_syncookie(sk, ip, 20, &tcp, 19));
	ANSWER(bpf_sk_assign(skb, sk, 1));
	ANSWER(bpf_sk_assign(skb, sk, 0));
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
