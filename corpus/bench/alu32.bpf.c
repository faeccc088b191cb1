// SPDX-License-Identifier: MIT OR Apache-2.0
/* 32-bit arithmetic: a xorshift generator and a mixing step, two thousand times. */
#include "../src/net.h"

SEC("xdp")
int alu32(struct xdp_md *ctx)
{
	u32 x = 2463534242U, sum = 0;

	for (int i = 0; i < 2000; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		sum = (sum << 7 | sum >> 25) + x * 0x85ebca6bU;
	}
	return sum >> 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
