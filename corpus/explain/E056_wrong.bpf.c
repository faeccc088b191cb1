/* The callback runs in the loop of a helper. */
#include "../src/trace.h"

extern void bpf_throw(u64 cookie) SEC(".ksyms");

static long step(u32 index, void *unused)
{
	bpf_throw(index);
	return 0;
}

SEC("tc")
int repeat(void *ctx)
{
	bpf_loop(10, step, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
