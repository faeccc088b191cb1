// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A lock in the storage of a cgroup: packets that are sent and received are counted together,
 * and no reader that takes the lock sees one without the other.
 */
#include "maps.h"
#include "net.h"

struct bpf_spin_lock {
	u32 val;
};

static long (*const bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*const bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;

struct counted {
	struct bpf_spin_lock lock;
	u32 packets;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, u64);
	__type(value, struct counted);
} traffic SEC(".maps");

static __always_inline int count(struct __sk_buff *skb)
{
	struct counted *counted = bpf_get_local_storage(&traffic, 0);

	bpf_spin_lock(&counted->lock);
	counted->packets++;
	counted->bytes += skb->len;
	bpf_spin_unlock(&counted->lock);
	return 1;
}

SEC("cgroup_skb/egress")
int sent(struct __sk_buff *skb)
{
	return count(skb);
}

SEC("cgroup_skb/ingress")
int received(struct __sk_buff *skb)
{
	return count(skb);
}

char LICENSE[] SEC("license") = "GPL";
