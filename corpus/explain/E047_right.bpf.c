/* A branch that may be taken or not. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int skip(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 0;"
		     "r1 = *(u64 *)(r1 + 8);"
		     "if r1 == 59 goto +1;"
		     "r0 = 1;"
		     "exit;");
}

char LICENSE[] SEC("license") = "GPL";
