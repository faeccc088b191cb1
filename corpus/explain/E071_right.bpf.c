/* The helpers set, start and stop it. */
#include "../src/net.h"

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
	alarm->rings++;
	return 0;
}

SEC("tc")
int set(struct __sk_buff *skb)
{
	u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

	if (!alarm)
		return 0;
	if (bpf_timer_init(&alarm->timer, &alarms, CLOCK_MONOTONIC) == 0)
		bpf_timer_set_callback(&alarm->timer, ring);
	bpf_timer_start(&alarm->timer, 1000000, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
