// SPDX-License-Identifier: MIT OR Apache-2.0
/* A function that bpf_loop() calls. */
#include "../src/net.h"

static long step(u32 index, u64 *state)
{
	u64 x = *state ^ index;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return 0;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	u64 state = 88172645463325252ULL;

	bpf_loop(1000, step, &state, 0);
	return (u32)(state >> 33);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
