/* That helper is for programs on a struct __sk_buff. */
#include "../src/net.h"

SEC("xdp")
int first_byte(struct xdp_md *ctx)
{
	u8 byte = 0;

	bpf_skb_load_bytes(ctx, 0, &byte, sizeof(byte));
	return byte ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
