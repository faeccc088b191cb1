/* A timer belongs to the kernel: the program may not write over it. */
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

SEC("tc")
int stop(struct __sk_buff *skb)
{
	u32 key = 0;
	struct alarm *alarm = bpf_map_lookup_elem(&alarms, &key);

	if (alarm)
		alarm->timer.__opaque[0] = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
