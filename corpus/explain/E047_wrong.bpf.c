/* The jump leads past an instruction, and nothing else leads to it. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int skip(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "goto +1;"
		     "r0 = 1;"
		     "exit;");
}

char LICENSE[] SEC("license") = "GPL";
