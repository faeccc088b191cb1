/* Printing is for programs under the GPL. */
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
int hello(struct raw_sys_enter *ctx)
{
	bpf_printk("hello");
	return 0;
}

char LICENSE[] SEC("license") = "Proprietary";
