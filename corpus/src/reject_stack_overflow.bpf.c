// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: two functions that each fit into the 512 bytes of stack, but not one on top of the
 * other: the limit is for a chain of calls as a whole.
 * To mend it: smaller buffers, or a per-CPU array with one large value as scratch memory.
 */
#include "net.h"

static __noinline int last_byte(struct __sk_buff *skb, u32 offset)
{
	char buffer[300] = {};

	bpf_skb_load_bytes(skb, offset, buffer, sizeof(buffer));
	return buffer[299];
}

SEC("tc")
int reject_stack_overflow(struct __sk_buff *skb)
{
	char buffer[300] = {};

	bpf_skb_load_bytes(skb, 0, buffer, sizeof(buffer));
	return last_byte(skb, 300) == buffer[299] ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
