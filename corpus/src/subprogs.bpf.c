// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Functions calling functions.
 *
 * A static function is verified anew at each call, with what is known of the arguments there.
 * A global one is verified once, for any arguments of its types, and its result is anything
 * the type allows; so it has to check a pointer for NULL itself.
 */
#include "trace.h"

struct sample {
	u64 nr;
	u64 weight;
};

static __noinline u64 weigh(const struct sample *sample, u32 factor, u32 offset)
{
	return sample->weight * factor + offset;
}

__noinline int is_interesting(const struct sample *sample, u32 threshold)
{
	if (!sample)
		return 0;
	return sample->nr == NR_execve && weigh(sample, 3, 1) > threshold;
}

SEC("raw_tp/sys_enter")
int subprogs(struct raw_sys_enter *ctx)
{
	struct sample sample = { .nr = ctx->nr, .weight = ctx->nr * 2 };

	if (is_interesting(&sample, 100))
		bpf_printk("execve weighs %d", (u32)weigh(&sample, 5, 7));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
