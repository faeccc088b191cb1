/* A shift by 64 does not exist; this is its encoding. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
__attribute__((naked)) int shift(struct raw_sys_enter *ctx)
{
	asm volatile("r0 = 1;"
		     ".8byte 0x0000004000000067;"
		     "exit;");
}

char LICENSE[] SEC("license") = "GPL";
