// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A timer in an element that was deleted, through a pointer that the program still has: it can be set up there, and is
 * found running in the element that next takes the place. Every answer goes into an array.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 128);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

struct alarm {
	u64 rings;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct alarm);
} alarms SEC(".maps");

#define HOUR 3600000000000ULL

u32 next;

static __always_inline void answer(s64 value)
{
	u32 at = next++;

	bpf_map_update_elem(&answers, &at, &value, BPF_ANY);
}

static int ring(void *map, u32 *key, struct alarm *alarm)
{
	alarm->rings++;
	return 0;
}

static __always_inline void set_up(struct alarm *alarm)
{
	answer(bpf_timer_init(&alarm->timer, &alarms, CLOCK_MONOTONIC));
	answer(bpf_timer_set_callback(&alarm->timer, ring));
	answer(bpf_timer_start(&alarm->timer, HOUR, 0));
}

SEC("tc")
int timer_stale(struct __sk_buff *skb)
{
	struct alarm fresh = {}, *alarm;
	u32 first = 1, second = 2, key = next ? second : first;

	bpf_map_update_elem(&alarms, &key, &fresh, BPF_NOEXIST);
	alarm = bpf_map_lookup_elem(&alarms, &key);
	if (!alarm)
		return 0;
	set_up(alarm);
	if (key == second) {
		answer(bpf_timer_cancel(&alarm->timer));
		return 0;
	}
	answer(bpf_map_delete_elem(&alarms, &key));
	answer(bpf_timer_start(&alarm->timer, HOUR, 0));
	set_up(alarm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
