// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What timers answer: every answer goes into an array, to be read there, and to be compared with
 * a kernel's. No timer here comes to its end.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

struct alarm {
	u64 rings;
	struct bpf_timer timer;
};

#define ALARMS(name, map_type)                   \
	struct {                                 \
		__uint(type, map_type);          \
		__uint(max_entries, 2);          \
		__type(key, u32);                \
		__type(value, struct alarm);     \
	} name SEC(".maps")

ALARMS(hash, BPF_MAP_TYPE_HASH);
ALARMS(array, BPF_MAP_TYPE_ARRAY);

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

static int ring(void *map, u32 *key, struct alarm *alarm)
{
	alarm->rings++;
	return 0;
}

/* Everything out of order first, then in order; at last the element is replaced, and its timer
 * gone. */
#define TRY(at, map)                                                              \
	({                                                                        \
		answer(at + 0, bpf_timer_start(&alarm->timer, HOUR, 0));          \
		answer(at + 1, bpf_timer_cancel(&alarm->timer));                  \
		answer(at + 2, bpf_timer_set_callback(&alarm->timer, ring));      \
		answer(at + 3, bpf_timer_init(&alarm->timer, map, 2));            \
		answer(at + 4, bpf_timer_init(&alarm->timer, map, 17));           \
		answer(at + 5, bpf_timer_init(&alarm->timer, map, CLOCK_MONOTONIC)); \
		answer(at + 6, bpf_timer_init(&alarm->timer, map, CLOCK_MONOTONIC)); \
		answer(at + 7, bpf_timer_start(&alarm->timer, HOUR, 0));          \
		answer(at + 8, bpf_timer_set_callback(&alarm->timer, ring));      \
		answer(at + 9, bpf_timer_start(&alarm->timer, HOUR, 4));          \
		answer(at + 10, bpf_timer_start(&alarm->timer, HOUR, 0));         \
		answer(at + 11, bpf_timer_start(&alarm->timer, HOUR, 0));         \
		answer(at + 12, bpf_timer_cancel(&alarm->timer));                 \
		answer(at + 13, bpf_timer_start(&alarm->timer, HOUR, 0));         \
		bpf_map_update_elem(map, &zero, &fresh, BPF_ANY);                 \
		answer(at + 14, bpf_timer_cancel(&alarm->timer));                 \
	})

#define HOUR 3600000000000ULL

SEC("tc")
int timer_errors_hash(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct alarm *alarm, fresh = {};

	bpf_map_update_elem(&hash, &zero, &fresh, BPF_ANY);
	alarm = bpf_map_lookup_elem(&hash, &zero);
	if (!alarm)
		return TC_ACT_OK;
	TRY(0, &hash);
	return TC_ACT_OK;
}

SEC("tc")
int timer_errors_array(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&array, &zero), fresh = {};

	if (!alarm)
		return TC_ACT_OK;
	TRY(16, &array);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
