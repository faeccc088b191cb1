// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a chain of nine functions. Eight frames are the most there may be.
 * To mend it: let the compiler inline some of them, or use a loop.
 */
#include "trace.h"

#define LINK(this, next)                       	static __noinline u64 this(u64 number) 	{                                      		return next(number * 3) + 1;   	}

static __noinline u64 f8(u64 number)
{
	return number ^ bpf_ktime_get_ns();
}
LINK(f7, f8)
LINK(f6, f7)
LINK(f5, f6)
LINK(f4, f5)
LINK(f3, f4)
LINK(f2, f3)
LINK(f1, f2)

SEC("raw_tp/sys_enter")
int reject_call_depth(struct raw_sys_enter *ctx)
{
	return f1(ctx->nr) & 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
