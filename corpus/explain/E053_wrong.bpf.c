/* The callback is global. */
#include "../src/trace.h"

long step(u32 index, void *unused)
{
	return 0;
}

SEC("raw_tp/sys_enter")
int repeat(struct raw_sys_enter *ctx)
{
	bpf_loop(10, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
