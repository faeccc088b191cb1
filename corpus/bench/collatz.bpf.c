// SPDX-License-Identifier: MIT OR Apache-2.0
/* Branches that nobody predicts: Collatz sequences. */
#include "../src/net.h"

SEC("xdp")
int collatz(struct xdp_md *ctx)
{
	u64 x = 27, odd = 0;

	for (int i = 0; i < 1500; i++) {
		if (x & 1) {
			x = 3 * x + 1;
			odd++;
		} else {
			x >>= 1;
		}
		if (x == 1)
			x = 27 + i;
	}
	return (u32)odd;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
