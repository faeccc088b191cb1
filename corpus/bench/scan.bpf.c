// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counting the spaces of a packet, byte by byte. */
#include "../src/net.h"

SEC("xdp")
int scan(struct xdp_md *ctx)
{
	u8 *byte = DATA(ctx), *end = DATA_END(ctx);
	u32 spaces = 0;

	for (int i = 0; i < 1024 && byte + 1 <= end; i++, byte++)
		spaces += *byte == ' ';
	return spaces;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
