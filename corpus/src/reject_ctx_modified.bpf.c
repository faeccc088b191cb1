// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: the context is read at an offset that is only known when the program runs. Which
 * members may be read is checked one by one, so that offsets must be constants.
 * To mend it: a `switch` over the members, each read by name.
 */
#include "net.h"

SEC("tc")
int reject_ctx_modified(struct __sk_buff *skb)
{
	u32 *words = skb->cb;
	u32 index = skb->mark & 3;

	asm volatile("" : "+r"(words));
	return words[index] ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
