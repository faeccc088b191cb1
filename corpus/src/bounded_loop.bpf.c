// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A loop over the bytes of a packet, computing a checksum (Adler-32).
 *
 * The verifier walks through every round, so the number of rounds must have an end it can
 * see: here LIMIT, whatever the packet's length. The compiler is told not to unroll the loop.
 */
#include "net.h"

#define LIMIT 256
#define MODULUS 65521

u32 last_checksum;
u32 last_length;

SEC("xdp")
int bounded_loop(struct xdp_md *ctx)
{
	u8 *data = DATA(ctx), *end = DATA_END(ctx);
	u32 a = 1, b = 0, i;

#pragma clang loop unroll(disable)
	for (i = 0; i < LIMIT; i++) {
		if (data + i + 1 > end)
			break;
		a = (a + data[i]) % MODULUS;
		b = (b + a) % MODULUS;
	}
	last_checksum = b << 16 | a;
	last_length = i;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
