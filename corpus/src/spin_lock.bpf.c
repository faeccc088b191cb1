/*
 * A lock in a map's value: two counters that are always changed together.
 *
 * Between lock and unlock nothing may be called. User space reads the value under the same lock, with the flag
 * BPF_F_LOCK, and sees the lock itself as zero.
 */
#include "objects.h"

struct account {
	u64 packets;
	struct bpf_spin_lock lock;
	u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, struct account);
} accounts SEC(".maps");

SEC("tc")
int spin_lock(struct __sk_buff *skb)
{
	u32 key = skb->protocol;
	struct account *account = bpf_map_lookup_elem(&accounts, &key);

	if (!account) {
		struct account first = {};

		bpf_map_update_elem(&accounts, &key, &first, BPF_NOEXIST);
		account = bpf_map_lookup_elem(&accounts, &key);
		if (!account)
			return 1;
	}
	bpf_spin_lock(&account->lock);
	account->packets++;
	account->bytes += skb->len;
	bpf_spin_unlock(&account->lock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
