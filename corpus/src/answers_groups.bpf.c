// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The storage of a cgroup, one value for each CPU, and what only programs of cgroups and socket filters may ask.
 */
#include "answers.h"

struct key {
	u64 cgroup;
	u32 attach_type;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, struct key);
	__type(value, u64);
} counted SEC(".maps");

SEC("cgroup_skb/ingress")
int answers_counted(struct __sk_buff *skb)
{
	u64 *count = bpf_get_local_storage(&counted, 0);

	*count += 1;
	ANSWER(*count > 0);
	return 1;
}

#define LOAD_RELATIVE(offset, len, start)                                 \
	({                                                                \
		u8 to[16] = { 7, 7, 7, 7 };                               \
		ANSWER(bpf_skb_load_bytes_relative(skb, offset, to, len, start)); \
		ANSWER(SUM(to));                                          \
	})

SEC("cgroup_skb/egress")
int answers_relative(struct __sk_buff *skb)
{
	u64 one[1] = {};

	LOAD_RELATIVE(0, 1, 1);
	LOAD_RELATIVE(12, 8, 1);
	LOAD_RELATIVE(skb->len - 1, 1, 1);
	LOAD_RELATIVE(skb->len, 1, 1);
	LOAD_RELATIVE(0, 1, 2);
	ANSWER(bpf_skb_load_bytes(skb, 0, one, 4));
	ANSWER(SUM(one));
	ANSWER(bpf_skb_cgroup_id(skb));
	ANSWER(bpf_skb_ancestor_cgroup_id(skb, 5));
	ANSWER(bpf_get_socket_uid(skb));
	return 1;
}

SEC("socket")
int answers_filtered(struct __sk_buff *skb)
{
	LOAD_RELATIVE(12, 2, 0);
	LOAD_RELATIVE(0, 1, 9);
	ANSWER(bpf_get_socket_cookie(skb) != 0);
	ANSWER(bpf_get_socket_uid(skb));
	return skb->len;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
