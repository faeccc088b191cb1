/* A register may be 0: the result is 0 then. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int divide(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 1;"
		     "r2 = 0;"
		     "r0 /= r2;"
		     "exit;");
}

char LICENSE[] SEC("license") = "GPL";
