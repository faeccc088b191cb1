// SPDX-License-Identifier: MIT OR Apache-2.0
/* Greatest common divisors by division: Euclid's algorithm, 1500 steps. */
#include "../src/net.h"

SEC("xdp")
int gcd(struct xdp_md *ctx)
{
	u64 x = 88172645463325252ULL, a = 0, b = 0, sum = 0;

	/* The verifier does not follow divisions: were x known, it would walk each pair. */
	asm volatile("%0 /= 1" : "+r"(x));
	for (int i = 0; i < 1500; i++) {
		if (b) {
			u64 rest = a % b;

			a = b;
			b = rest;
			continue;
		}
		sum += a;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		a = x >> 32;
		b = (u32)x;
	}
	return (u32)sum & 0x7fffffff;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
