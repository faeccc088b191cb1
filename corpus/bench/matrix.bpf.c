// SPDX-License-Identifier: MIT OR Apache-2.0
/* Products of matrices on the stack. */
#include "../src/net.h"

#define SIDE 4

SEC("xdp")
int matrix(struct xdp_md *ctx)
{
	u64 a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
	u64 x = 1;

	for (int i = 0; i < SIDE * SIDE; i++) {
		a[i] = x;
		b[i] = x * 3;
		x = x * 5 + 1;
	}
#pragma clang loop unroll(disable)
	for (int round = 0; round < 16; round++) {
#pragma clang loop unroll(disable)
		for (int i = 0; i < SIDE; i++) {
#pragma clang loop unroll(disable)
			for (int j = 0; j < SIDE; j++) {
				u64 sum = 0;

#pragma clang loop unroll(disable)
				for (int k = 0; k < SIDE; k++)
					sum += a[i * SIDE + k] * b[k * SIDE + j];
				c[i * SIDE + j] = sum;
			}
		}
		for (int i = 0; i < SIDE * SIDE; i++)
			a[i] = c[i];
	}
	return (u32)(c[5] & 0x7fffffff);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
