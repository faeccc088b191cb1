// SPDX-License-Identifier: MIT OR Apache-2.0
/* Sorting 32 numbers on the stack. */
#include "../src/net.h"

#define COUNT 32

SEC("xdp")
int sort(struct xdp_md *ctx)
{
	u32 numbers[COUNT];
	u32 x = 2463534242U;

	for (int i = 0; i < COUNT; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		numbers[i] = x;
	}
#pragma clang loop unroll(disable)
	for (int last = COUNT - 1; last > 0; last--) {
#pragma clang loop unroll(disable)
		for (int i = 0; i < last; i++) {
			u64 a = numbers[i], b = numbers[i + 1];
			/* The smaller one without a branch, which the verifier would walk both ways. */
			u64 smaller = b + (a - b & (s64)(a - b) >> 63);

			numbers[i] = smaller;
			numbers[i + 1] = a + b - smaller;
		}
	}
	return numbers[COUNT / 2] >> 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
