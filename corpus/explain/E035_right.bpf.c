/* A tc classifier is one. */
#include "../src/net.h"

SEC("tc")
int first_byte(struct __sk_buff *skb)
{
	u8 byte = 0;

	bpf_skb_load_bytes(skb, 0, &byte, sizeof(byte));
	return byte ? TC_ACT_SHOT : TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
