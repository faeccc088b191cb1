// SPDX-License-Identifier: MIT OR Apache-2.0
/* Calls from function to function. */
#include "../src/net.h"

static __noinline u64 mix(u64 a, u64 b)
{
	a ^= b >> 29;
	return a * 0xbf58476d1ce4e5b9ULL;
}

static __noinline u64 step(u64 a, u64 b)
{
	return mix(a, b) + mix(b, a);
}

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	u64 x = 1;

	for (u64 i = 0; i < 400; i++)
		x = step(x, i);
	return (u32)(x >> 33);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
