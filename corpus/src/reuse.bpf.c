// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What is found where an element was that is deleted or replaced while a program holds its address.
 *
 * Elements are taken again at once: the next key that is inserted lies where the deleted one was. In a preallocated map
 * the next update of a key that is there lies where the one was that the last update replaced, and no other key does.
 */
#include "maps.h"
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} plain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} on_demand SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} percpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 24);
	__type(key, u32);
	__type(value, u64);
} results SEC(".maps");

static void keep(u32 index, u64 result)
{
	bpf_map_update_elem(&results, &index, &result, BPF_ANY);
}

static void put(void *map, u32 key, u64 value)
{
	bpf_map_update_elem(map, &key, &value, BPF_ANY);
}

/* What lies where each of two elements was, after both were deleted and two others inserted. */
static __always_inline void deleted(void *map, u32 index)
{
	u32 first = 1, second = 2;
	u64 *one, *two;

	put(map, first, 10);
	put(map, second, 20);
	one = bpf_map_lookup_elem(map, &first);
	two = bpf_map_lookup_elem(map, &second);
	if (!one || !two)
		return;
	bpf_map_delete_elem(map, &first);
	keep(index, *one);
	bpf_map_delete_elem(map, &second);
	put(map, 3, 30);
	keep(index + 1, *one);
	keep(index + 2, *two);
	put(map, 4, 40);
	keep(index + 3, *one);
}

/* What lies where an element was that was updated, then after another update, an insertion, and one update more. */
static __always_inline void updated(void *map, u32 index)
{
	u32 key = 3;
	u64 *held = bpf_map_lookup_elem(map, &key);

	if (!held)
		return;
	put(map, key, 31);
	keep(index, *held);
	put(map, 5, 50);
	keep(index + 1, *held);
	put(map, 4, 41);
	keep(index + 2, *held);
	put(map, key, 32);
	keep(index + 3, *held);
}

SEC("xdp")
int reuse(struct xdp_md *ctx)
{
	deleted(&plain, 0);
	updated(&plain, 4);
	deleted(&percpu, 8);
	updated(&percpu, 12);
	deleted(&on_demand, 16);
	updated(&on_demand, 20);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
