/* What is not const can be written. */
#include "../src/trace.h"

volatile u32 calls = 0;

SEC("raw_tp/sys_enter")
int count(struct raw_sys_enter *ctx)
{
	calls += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
