// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * An iterator over the elements of a map: what it writes to a value stays there, but for values of each CPU, of which
 * it sees copies.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, u32);
	__type(value, u64);
} squares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, u32);
	__type(value, u64);
} copies SEC(".maps");

struct bpf_iter_meta;
struct bpf_map;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

SEC("iter/bpf_map_elem")
int iter_elements(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 *key = ctx->key;
	u64 *value = ctx->value;

	if (key && value)
		*value += *key * *key;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
