// SPDX-License-Identifier: MIT OR Apache-2.0
/* SipHash-2-4 of 128 words of eight bytes. */
#include "../src/net.h"

#define ROTATE(x, by) ((x) << (by) | (x) >> (64 - (by)))
#define ROUND()                                                           \
	({                                                                \
		v0 += v1; v1 = ROTATE(v1, 13); v1 ^= v0; v0 = ROTATE(v0, 32); \
		v2 += v3; v3 = ROTATE(v3, 16); v3 ^= v2;                  \
		v0 += v3; v3 = ROTATE(v3, 21); v3 ^= v0;                  \
		v2 += v1; v1 = ROTATE(v1, 17); v1 ^= v2; v2 = ROTATE(v2, 32); \
	})

SEC("xdp")
int siphash(struct xdp_md *ctx)
{
	u64 v0 = 0x736f6d6570736575ULL ^ 0x0706050403020100ULL;
	u64 v1 = 0x646f72616e646f6dULL ^ 0x0f0e0d0c0b0a0908ULL;
	u64 v2 = 0x6c7967656e657261ULL ^ 0x0706050403020100ULL;
	u64 v3 = 0x7465646279746573ULL ^ 0x0f0e0d0c0b0a0908ULL;

	for (u64 i = 0; i < 128; i++) {
		u64 word = i * 0x0101010101010101ULL;

		v3 ^= word;
		ROUND();
		ROUND();
		v0 ^= word;
	}
	v2 ^= 0xff;
	ROUND();
	ROUND();
	ROUND();
	ROUND();
	return (u32)((v0 ^ v1 ^ v2 ^ v3) >> 33);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
