/* The program throws when the loop is over. */
#include "../src/trace.h"

extern void bpf_throw(u64 cookie) SEC(".ksyms");

static long step(u32 index, void *unused)
{
	return 0;
}

SEC("tc")
int repeat(void *ctx)
{
	if (bpf_loop(10, step, NULL, 0) != 10)
		bpf_throw(0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
