// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the function of a timer returns how often it ran. It may return 0 only.
 * To mend it: return 0, and keep the count in the map's value alone.
 */
#include "net.h"

struct alarm {
	u64 rings;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct alarm);
} alarms SEC(".maps");

static int ring(void *map, u32 *key, struct alarm *alarm)
{
	return ++alarm->rings;
}

SEC("tc")
int timer_return(struct __sk_buff *skb)
{
	u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

	if (!alarm)
		return TC_ACT_OK;
	bpf_timer_init(&alarm->timer, &alarms, CLOCK_MONOTONIC);
	bpf_timer_set_callback(&alarm->timer, ring);
	bpf_timer_start(&alarm->timer, 1000000, 0);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
