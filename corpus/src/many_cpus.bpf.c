// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counts its runs in maps of many types, in a way that loses none when many CPUs run it at once. */
#include "maps.h"
#include "net.h"


#define COUNTS(name, kind)                                                     \
	struct {                                                               \
		__uint(type, kind);                                            \
		__uint(max_entries, 16);                                       \
		__type(key, u32);                                              \
		__type(value, u64);                                            \
	} name SEC(".maps")

COUNTS(array, BPF_MAP_TYPE_ARRAY);
COUNTS(hash, BPF_MAP_TYPE_HASH);
COUNTS(lru, BPF_MAP_TYPE_LRU_HASH);
COUNTS(cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY);
COUNTS(cpu_hash, BPF_MAP_TYPE_PERCPU_HASH);

struct prefix {
	u32 length;
	u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u64);
} trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 16);
	__type(value, u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

u64 runs, queued, popped, sent, lost;

static void count(void *map, void *key)
{
	u64 none = 0, *found = bpf_map_lookup_elem(map, key);

	if (!found) {
		/* Another CPU may be first, then its element counts. */
		bpf_map_update_elem(map, key, &none, BPF_NOEXIST);
		found = bpf_map_lookup_elem(map, key);
	}
	if (found)
		__sync_fetch_and_add(found, 1);
}

SEC("xdp")
int many_cpus(struct xdp_md *ctx)
{
	u64 number = __sync_fetch_and_add(&runs, 1), taken, *record;
	u32 key = number & 7;
	struct prefix prefix = { 32, { 10, 0, 0, number & 7 } };

	count(&array, &key);
	count(&hash, &key);
	count(&lru, &key);
	count(&cpu_array, &key);
	count(&cpu_hash, &key);
	count(&trie, &prefix);
	if (!bpf_map_push_elem(&queue, &number, 0))
		__sync_fetch_and_add(&queued, 1);
	if ((number & 3) && !bpf_map_pop_elem(&queue, &taken))
		__sync_fetch_and_add(&popped, 1);
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (record) {
		*record = number;
		bpf_ringbuf_submit(record, 0);
		__sync_fetch_and_add(&sent, 1);
	} else {
		__sync_fetch_and_add(&lost, 1);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
