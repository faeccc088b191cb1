// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a loop that ends, but only after so many rounds that the verifier, which walks
 * through all of them, runs into its limit of a million instructions.
 * To mend it: fewer rounds, or bpf_loop(), whose body is looked at once.
 */
#include "trace.h"

u64 hash;

SEC("raw_tp/sys_enter")
int reject_too_complex(struct raw_sys_enter *ctx)
{
	u64 h = ctx->nr;
	u32 i, step;

#pragma clang loop unroll(disable)
	for (i = 0; i < 10000; i++) {
		/* A long body, so that the limit is reached soon. */
#pragma clang loop unroll(full)
		for (step = 0; step < 64; step++)
			h = (h ^ i) * 31;
	}
	hash = h;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
