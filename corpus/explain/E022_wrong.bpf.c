/* A constant is written. */
#include "../src/trace.h"

const volatile u32 calls = 0;

SEC("raw_tp/sys_enter")
int count(struct raw_sys_enter *ctx)
{
	*(volatile u32 *)&calls += 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
