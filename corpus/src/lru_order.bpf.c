// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Which keys are left in maps that forget.
 *
 * Keys count up from 1. Once as many are inserted as there is room for, more follow than half as many: at once, or after
 * the first were looked up, updated or deleted. What is in the maps then says who was forgotten.
 */
#include "maps.h"
#include "net.h"

#define BPF_MAP_TYPE_LRU_PERCPU_HASH 10
#define BPF_F_NO_COMMON_LRU (1U << 1)

struct keys {
	u32 first;
};

/* Maps that were filled before tell another tale. */
u32 runs;

/* What is done to the first quarter of the keys before more are inserted. */
enum before { NOTHING, LOOK_UP, UPDATE, DELETE };

#define FORGETFUL(NAME, TYPE, FLAGS, ROOM)                                   \
	struct {                                                             \
		__uint(type, TYPE);                                          \
		__uint(map_flags, FLAGS);                                    \
		__uint(max_entries, ROOM);                                   \
		__type(key, u32);                                            \
		__type(value, u64);                                          \
	} NAME SEC(".maps");                                                 \
	static long put_##NAME(u32 index, struct keys *keys)                 \
	{                                                                    \
		u32 key = keys->first + index;                               \
		u64 value = key;                                             \
		bpf_map_update_elem(&NAME, &key, &value, BPF_ANY);           \
		return 0;                                                    \
	}                                                                    \
	static long look_up_##NAME(u32 index, struct keys *keys)             \
	{                                                                    \
		u32 key = keys->first + index;                               \
		bpf_map_lookup_elem(&NAME, &key);                            \
		return 0;                                                    \
	}                                                                    \
	static long delete_##NAME(u32 index, struct keys *keys)              \
	{                                                                    \
		u32 key = keys->first + index;                               \
		bpf_map_delete_elem(&NAME, &key);                            \
		return 0;                                                    \
	}                                                                    \
	static void fill_##NAME(enum before before, u32 room)                \
	{                                                                    \
		struct keys keys = { .first = 1 };                           \
		bpf_loop(room, put_##NAME, &keys, 0);                        \
		if (before == LOOK_UP)                                       \
			bpf_loop(room / 4, look_up_##NAME, &keys, 0);        \
		else if (before == UPDATE)                                   \
			bpf_loop(room / 4, put_##NAME, &keys, 0);            \
		else if (before == DELETE)                                   \
			bpf_loop(room / 4, delete_##NAME, &keys, 0);         \
		keys.first = room + 1;                                       \
		bpf_loop(room / 2 + 1, put_##NAME, &keys, 0);                \
	}

#define KIND(NAME, TYPE, FLAGS, ROOM)                                        \
	FORGETFUL(NAME##_plain, TYPE, FLAGS, ROOM)                           \
	FORGETFUL(NAME##_looked, TYPE, FLAGS, ROOM)                          \
	FORGETFUL(NAME##_updated, TYPE, FLAGS, ROOM)                         \
	FORGETFUL(NAME##_deleted, TYPE, FLAGS, ROOM)                         \
	static void fill_##NAME(void)                                        \
	{                                                                    \
		fill_##NAME##_plain(NOTHING, ROOM);                          \
		fill_##NAME##_looked(LOOK_UP, ROOM);                         \
		fill_##NAME##_updated(UPDATE, ROOM);                         \
		fill_##NAME##_deleted(DELETE, ROOM);                         \
	}

KIND(small, BPF_MAP_TYPE_LRU_HASH, 0, 16)
KIND(large, BPF_MAP_TYPE_LRU_HASH, 0, 1024)
KIND(own, BPF_MAP_TYPE_LRU_HASH, BPF_F_NO_COMMON_LRU, 16)
KIND(percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 0, 16)

SEC("xdp")
int lru_order(struct xdp_md *ctx)
{
	if (runs++)
		return XDP_PASS;
	fill_small();
	fill_large();
	fill_own();
	fill_percpu();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
