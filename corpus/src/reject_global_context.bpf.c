// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a global function takes the context of another type of program.
 * To mend it: declare the argument as struct xdp_md *, or as void *.
 */
#include "net.h"

__attribute__((noinline)) int mark(struct __sk_buff *skb __attribute__((btf_decl_tag("arg:ctx"))))
{
	asm volatile("" : : "r"(skb));
	return 1;
}

SEC("xdp")
int global_context(struct xdp_md *ctx)
{
	mark((void *)ctx);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
