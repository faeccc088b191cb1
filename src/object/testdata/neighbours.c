/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that are out of the ordinary: inside a section of programs, which libbpf refuses, in a
 * circle, and by a tag only. */
#include "defs.h"

/* Static, and next to its caller: the call has no relocation. */
static NOINLINE SEC("xdp") int neighbour(u64 x)
{
	return x * 3;
}

NOINLINE SEC("xdp") int first(void *ctx)
{
	return neighbour((u64)ctx);
}

SEC("xdp") int second(void *ctx)
{
	return first(ctx);
}

int even(u32 x);

NOINLINE int odd(u32 x)
{
	return x ? even(x - 1) : 0;
}

NOINLINE int even(u32 x)
{
	return x ? odd(x - 1) : 1;
}

SEC("socket") int circle(void *ctx)
{
	return even(4);
}

NOINLINE int on_throw(u64 cookie)
{
	return cookie;
}

SEC("socket") __attribute__((btf_decl_tag("exception_callback:on_throw"))) int throws(void *ctx)
{
	return 0;
}
