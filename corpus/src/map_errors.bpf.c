// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What maps answer when they are asked for something they do not do: every answer goes into
 * an array, to be read there, and to be compared with a kernel's.
 */
#include "maps.h"
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 80);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

SMALL(hash, BPF_MAP_TYPE_HASH);
SMALL(array, BPF_MAP_TYPE_ARRAY);
SMALL(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY);
SMALL(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH);

#define LIST(name, map_type)                     \
	struct {                                 \
		__uint(type, map_type);          \
		__uint(max_entries, 2);          \
		__type(value, u64);              \
	} name SEC(".maps")

LIST(queue, BPF_MAP_TYPE_QUEUE);
LIST(stack, BPF_MAP_TYPE_STACK);
LIST(bloom, BPF_MAP_TYPE_BLOOM_FILTER);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

#define REDIRECT(name, map_type)                 \
	struct {                                 \
		__uint(type, map_type);          \
		__uint(max_entries, 2);          \
		__type(key, u32);                \
		__type(value, u32);              \
	} name SEC(".maps")

REDIRECT(devices, BPF_MAP_TYPE_DEVMAP);
REDIRECT(devices_by_key, BPF_MAP_TYPE_DEVMAP_HASH);
REDIRECT(cpus, BPF_MAP_TYPE_CPUMAP);
REDIRECT(sockets, BPF_MAP_TYPE_XSKMAP);

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

/* Updates that create, overwrite, may not, or find the map full; deletions. */
#define TRY_KEYED(at, map)                                                        \
	({                                                                        \
		answer(at + 0, bpf_map_update_elem(map, &one, &value, BPF_EXIST));  \
		answer(at + 1, bpf_map_update_elem(map, &one, &value, BPF_NOEXIST)); \
		answer(at + 2, bpf_map_update_elem(map, &one, &value, BPF_NOEXIST)); \
		answer(at + 3, bpf_map_update_elem(map, &one, &value, 3));          \
		answer(at + 4, bpf_map_update_elem(map, &one, &value, BPF_F_LOCK));  \
		answer(at + 5, bpf_map_update_elem(map, &zero, &value, BPF_ANY));   \
		answer(at + 6, bpf_map_update_elem(map, &two, &value, BPF_ANY));    \
		answer(at + 7, bpf_map_delete_elem(map, &one));                     \
		answer(at + 8, bpf_map_delete_elem(map, &one));                     \
	})

/* Values that are asked for too early, pushed too often, or with flags. */
#define TRY_LIST(at, map)                                             \
	({                                                            \
		answer(at + 0, bpf_map_peek_elem(map, &got));         \
		answer(at + 1, bpf_map_push_elem(map, &value, BPF_ANY)); \
		answer(at + 2, bpf_map_push_elem(map, &value, BPF_ANY)); \
		answer(at + 3, bpf_map_push_elem(map, &value, BPF_ANY)); \
		answer(at + 4, bpf_map_push_elem(map, &value, BPF_NOEXIST)); \
		answer(at + 5, bpf_map_push_elem(map, &value, BPF_EXIST)); \
		answer(at + 6, bpf_map_peek_elem(map, &got));         \
	})

SEC("xdp")
int map_errors_keyed(struct xdp_md *ctx)
{
	u32 zero = 0, one = 1, two = 2;
	u64 value = 7;

	TRY_KEYED(0, &hash);
	TRY_KEYED(9, &array);
	TRY_KEYED(18, &percpu_array);
	TRY_KEYED(27, &percpu_hash);
	return XDP_PASS;
}

SEC("xdp")
int map_errors_lists(struct xdp_md *ctx)
{
	u64 value = 7, got = 0;

	TRY_LIST(36, &queue);
	answer(43, bpf_map_pop_elem(&queue, &got));
	TRY_LIST(44, &stack);
	answer(51, bpf_map_pop_elem(&stack, &got));
	got = 8;
	TRY_LIST(52, &bloom);
	answer(60, bpf_map_peek_elem(&bloom, &value));
	answer(61, bpf_ringbuf_output(&ring, &value, 8, 4));
	answer(62, bpf_ringbuf_output(&ring, &value, 8, 1));
	answer(63, bpf_ringbuf_query(&ring, 0));
	answer(64, bpf_ringbuf_query(&ring, 3));
	answer(65, bpf_ringbuf_query(&ring, 9));
	return XDP_PASS;
}

SEC("xdp")
int map_errors_redirect(struct xdp_md *ctx)
{
	u32 key = 0;

	answer(66, bpf_redirect_map(&devices, 0, XDP_DROP));
	answer(67, bpf_redirect_map(&devices, 9, XDP_PASS));
	answer(68, bpf_redirect_map(&devices, 0, XDP_REDIRECT));
	answer(69, bpf_redirect_map(&devices, 0, BPF_F_BROADCAST));
	answer(70, bpf_redirect_map(&devices_by_key, 0, XDP_TX));
	answer(71, bpf_redirect_map(&cpus, 0, XDP_PASS));
	answer(72, bpf_redirect_map(&cpus, 0, BPF_F_BROADCAST));
	answer(73, bpf_redirect_map(&sockets, 0, XDP_TX));
	answer(74, bpf_redirect_map(&sockets, 0, 1 << 4));
	answer(75, bpf_map_lookup_elem(&devices, &key) == NULL);
	answer(76, bpf_map_lookup_elem(&devices_by_key, &key) == NULL);
	answer(77, bpf_map_lookup_elem(&sockets, &key) == NULL);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
