// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a write to a member of the context that is only for reading. Contexts are views:
 * each member has rules of its own, and `mark`, for example, may be written.
 * To mend it: write `skb->mark` or `skb->cb[]`, or change the packet itself.
 */
#include "net.h"

SEC("tc")
int reject_ctx_write(struct __sk_buff *skb)
{
	skb->len = 100;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
