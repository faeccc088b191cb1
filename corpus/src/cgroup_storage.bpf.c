// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Count what the sockets of a cgroup send, in storage that the cgroup has for this hook.
 *
 * The value is there from the moment the program is attached, so that no lookup can fail.
 */
#include "maps.h"
#include "net.h"

struct cgroup_key {
	u64 cgroup;
	u32 hook;
};

struct traffic {
	u64 packets;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct cgroup_key);
	__type(value, struct traffic);
} sent SEC(".maps");

SEC("cgroup_skb/egress")
int cgroup_storage(struct __sk_buff *skb)
{
	struct traffic *traffic = bpf_get_local_storage(&sent, 0);

	__sync_fetch_and_add(&traffic->packets, 1);
	__sync_fetch_and_add(&traffic->bytes, skb->len);
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
