// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a pointer into the packet, checked, but used after a helper that may have moved
 * the packet to other memory.
 * To mend it: take `data` and `data_end` from the context again, and check again.
 */
#include "net.h"

SEC("tc")
int reject_stale_packet_pointer(struct __sk_buff *skb)
{
	struct eth *eth = DATA(skb);
	u8 zero = 0;

	if ((void *)(eth + 1) > DATA_END(skb))
		return TC_ACT_OK;
	bpf_skb_store_bytes(skb, 0, &zero, sizeof(zero), 0);
	return eth->type == bpf_htons(ETH_P_IP) ? TC_ACT_OK : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
