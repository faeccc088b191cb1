// SPDX-License-Identifier: MIT OR Apache-2.0
/* Atomic operations on a global variable. */
#include "../src/net.h"

u64 counter, bits;

SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	u64 sum = 0;

	for (u64 i = 0; i < 256; i++) {
		sum += __sync_fetch_and_add(&counter, i);
		__sync_fetch_and_xor(&bits, i);
		sum += __sync_val_compare_and_swap(&counter, i, i + 1);
	}
	return (u32)sum & 0x7fffffff;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
