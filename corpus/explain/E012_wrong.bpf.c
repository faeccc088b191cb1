/* The divisor is the constant 0. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int divide(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 1;"
		     "r0 /= 0;"
		     "exit;");
}

char LICENSE[] SEC("license") = "GPL";
