/* 2 is neither on nor off. */
#include "../src/trace.h"

static long step(u32 index, void *unused)
{
	return 2;
}

SEC("raw_tp/sys_enter")
int repeat(struct raw_sys_enter *ctx)
{
	bpf_loop(10, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
