// SPDX-License-Identifier: MIT OR Apache-2.0
/* 64-bit arithmetic: a xorshift generator, two thousand steps. */
#include "../src/net.h"

SEC("xdp")
int alu64(struct xdp_md *ctx)
{
	u64 x = 88172645463325252ULL, sum = 0;

	for (int i = 0; i < 2000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x * 2685821657736338717ULL;
	}
	return (u32)(sum >> 33);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
