// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a timer is set up with another map than the one whose value it lies in.
 * To mend it: give bpf_timer_init() the map that was looked up.
 */
#include "net.h"

struct alarm {
	struct bpf_timer timer;
};

struct alarm_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct alarm);
};

struct alarm_map morning SEC(".maps");
struct alarm_map evening SEC(".maps");

SEC("tc")
int timer_map(struct __sk_buff *skb)
{
	u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&morning, &key);

	if (alarm)
		bpf_timer_init(&alarm->timer, &evening, CLOCK_MONOTONIC);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
