// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a global function follows a pointer it was given. It is judged on its own, for
 * all arguments its types allow, and NULL is one of them, even if no caller passes it.
 * To mend it: `if (!sample) return 0;`, or make the function static.
 */
#include "trace.h"

struct sample {
	u64 nr;
};

__noinline int is_execve(const struct sample *sample)
{
	return sample->nr == NR_execve;
}

SEC("raw_tp/sys_enter")
int reject_global_null_check(struct raw_sys_enter *ctx)
{
	struct sample sample = { .nr = ctx->nr };

	return is_execve(&sample);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
