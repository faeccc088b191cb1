// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Which error a map answers with where there is more than one to choose from: updates with every
 * flag, of elements that are there, that are not, and that there is no room for. Every answer goes
 * into an array, to be read there, and to be compared with a kernel's.
 */
#include "maps.h"
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

struct bpf_spin_lock {
	u32 val;
};

struct locked {
	struct bpf_spin_lock lock;
	u32 number;
};

#define MAP(name, map_type, size, type_of_value, map_flags_)  \
	struct {                                        \
		__uint(type, map_type);                 \
		__uint(max_entries, size);              \
		__uint(map_flags, map_flags_);          \
		__type(key, u32);                       \
		__type(value, type_of_value);           \
	} name SEC(".maps")

MAP(array, BPF_MAP_TYPE_ARRAY, 2, u64, 0);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 2, u64, 0);
MAP(hash, BPF_MAP_TYPE_HASH, 1, u64, 0);
MAP(allocating, BPF_MAP_TYPE_HASH, 1, u64, BPF_F_NO_PREALLOC);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 1, u64, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 8, u64, 0);
MAP(percpu_lru, 10, 8, u64, 0);
MAP(locked_array, BPF_MAP_TYPE_ARRAY, 2, struct locked, 0);
MAP(locked_hash, BPF_MAP_TYPE_HASH, 1, struct locked, 0);

struct prefix {
	u32 len;
	u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, u64);
} prefixes SEC(".maps");

u32 at;

static __always_inline void answer(s64 value)
{
	u32 index = at++;

	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

/* Nine flags; each with a key that is there and one that is not, or is out of range. */
#define TRY(map, there, missing)                                                    \
	({                                                                          \
		bpf_map_update_elem(map, there, &value, BPF_ANY);                   \
		for (u64 i = 0; i < 10; i++) {                                      \
			u64 flags = i == 9 ? 1ull << 32 : i == 8 ? 16 : i;          \
                                                                                    \
			answer(bpf_map_update_elem(map, there, &value, flags));     \
			answer(bpf_map_update_elem(map, missing, &value, flags));   \
		}                                                                   \
		answer(bpf_map_delete_elem(map, missing));                          \
		answer(bpf_map_delete_elem(map, there));                            \
		for (u64 i = 0; i < 8; i++) {                                       \
			answer(bpf_map_update_elem(map, there, &value, i));         \
			bpf_map_delete_elem(map, there);                            \
		}                                                                   \
	})

SEC("xdp")
int arrays(struct xdp_md *ctx)
{
	u32 one = 1, two = 2;
	struct locked value = { .number = 7 };

	at = 0;
	TRY(&array, &one, &two);
	TRY(&percpu_array, &one, &two);
	TRY(&locked_array, &one, &two);
	return XDP_PASS;
}

SEC("xdp")
int hashes(struct xdp_md *ctx)
{
	u32 one = 1, two = 2;
	struct locked value = { .number = 7 };

	at = 100;
	TRY(&hash, &one, &two);
	TRY(&allocating, &one, &two);
	TRY(&percpu_hash, &one, &two);
	TRY(&locked_hash, &one, &two);
	return XDP_PASS;
}

SEC("xdp")
int others(struct xdp_md *ctx)
{
	u32 one = 1, two = 2;
	struct locked value = { .number = 7 };
	struct prefix eight = { .len = 8, .address = 10 }, nine = { .len = 9, .address = 10 };
	struct prefix long_one = { .len = 33, .address = 10 };

	at = 250;
	TRY(&lru, &one, &two);
	TRY(&percpu_lru, &one, &two);
	TRY(&prefixes, &eight, &nine);
	TRY(&prefixes, &eight, &long_one);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
