/* It returns. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int zero(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "exit");
}

char LICENSE[] SEC("license") = "GPL";
