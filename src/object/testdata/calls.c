/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every way to reach a function and a variable. */
#include "defs.h"

const volatile u32 limit = 10;
u32 counter = 1;
u64 total;
static u32 last;
u32 custom SEC(".data.custom") = 7;
HIDDEN u32 quiet SEC(".data.very_quiet") = 8;

/* Called by `leaf` only: placed after it, before `weak_part`. */
static NOINLINE int deepest(u64 x)
{
	last = x;
	return x * 3;
}

NOINLINE int leaf(u64 x)
{
	return deepest(x) + counter;
}

WEAK NOINLINE int weak_part(u64 x)
{
	return leaf(x) + 1;
}

HIDDEN NOINLINE int hidden_part(u64 x)
{
	return x + custom + quiet;
}

static int each(u32 index, u64 *sum)
{
	*sum += index;
	return 0;
}

SEC("xdp") int first(void *ctx)
{
	u64 sum = 0;

	loop(limit, each, &sum, 0);
	total += leaf(sum) + weak_part(sum) + hidden_part(sum) + last;
	return 2;
}

SEC("?tc") int second(void *ctx)
{
	return hidden_part(total) + weak_part(1);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
u32 VERSION SEC("version") = 0x60c00;
