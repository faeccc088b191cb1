// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A function that runs later: each start of a program winds a timer up anew, and when nothing
 * was started for a second it says how many there were.
 */
#include "trace.h"

struct pause {
	u64 starts;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, struct pause);
} pauses SEC(".maps");

/* Runs when the timer has come to its end, with the map, the key and the value it lies in. */
static int say(void *map, u32 *uid, struct pause *pause)
{
	bpf_printk("user %u started %llu programs, and then none", *uid, pause->starts);
	bpf_map_delete_elem(map, uid);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int timer(u64 *ctx)
{
	u32 uid = bpf_get_current_uid_gid();
	struct pause *pause, fresh = {};

	bpf_map_update_elem(&pauses, &uid, &fresh, BPF_NOEXIST);
	pause = bpf_map_lookup_elem(&pauses, &uid);
	if (!pause)
		return 0;
	if (!pause->starts++) {
		bpf_timer_init(&pause->timer, &pauses, CLOCK_MONOTONIC);
		bpf_timer_set_callback(&pause->timer, say);
	}
	bpf_timer_start(&pause->timer, 1000000000, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
