/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls inside a section of programs, which libbpf refuses. */
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
