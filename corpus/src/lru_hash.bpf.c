// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Remember the processes seen last, and forget the oldest when there is no room.
 *
 * A plain hash refuses new keys when it is full; one with least-recently-used eviction
 * throws out an old one instead.
 */
#include "trace.h"

struct seen {
	u64 count;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct seen);
} processes SEC(".maps");

SEC("raw_tp/sys_enter")
int lru_hash(struct raw_sys_enter *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct seen *seen = bpf_map_lookup_elem(&processes, &pid);
	struct seen first = { .count = 1 };

	if (seen) {
		__sync_fetch_and_add(&seen->count, 1);
		return 0;
	}
	bpf_get_current_comm(first.comm, sizeof(first.comm));
	bpf_map_update_elem(&processes, &pid, &first, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
