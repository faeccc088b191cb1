// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a cgroup filter answers with the packet's length. It may say 0 (drop) or 1 (let
 * pass; up to 3 on the way out, with hints on congestion), nothing else.
 * To mend it: `return skb->len > 0;`.
 */
#include "net.h"

SEC("cgroup_skb/ingress")
int reject_return_range(struct __sk_buff *skb)
{
	return skb->len;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
