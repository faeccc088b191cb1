// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a helper is given room that a timer lies in.
 * To mend it: give it room beside the timer.
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

SEC("tc")
int timer_given(struct __sk_buff *skb)
{
	u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

	if (!alarm)
		return TC_ACT_OK;
	return bpf_skb_load_bytes(skb, 0, alarm, 16);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
