// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Let a socket send no more than two packets, counted in storage that hangs on the socket.
 *
 * A packet knows its socket where the network layer has it. The verifier wants to see that there is
 * one, and that it is a full socket, before anything is stored with it.
 */
#include "sock.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, s32);
	__type(value, u64);
} sent SEC(".maps");

SEC("cgroup_skb/egress")
int sk_storage(struct __sk_buff *skb)
{
	struct bpf_sock *sk = SOCKET_OF(skb);
	u64 *count;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	count = bpf_sk_storage_get(&sent, sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!count)
		return 1;
	*count += 1;
	return *count <= 2;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
