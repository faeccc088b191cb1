// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a dynptr (a pointer that carries its own length, kept in 16 bytes of stack) is
 * read from stack memory that nothing has initialised.
 * To mend it: call bpf_dynptr_from_mem() first.
 */
#include "trace.h"

struct bpf_dynptr {
	u64 opaque[2];
} __attribute__((aligned(8)));

static long (*const bpf_dynptr_read)(void *to, u32 len, const struct bpf_dynptr *from, u32 offset,
				     u64 flags) = (void *)201;

SEC("raw_tp/sys_enter")
int reject_uninit_stack(struct raw_sys_enter *ctx)
{
	struct bpf_dynptr pointer;
	u64 value = 0;

	bpf_dynptr_read(&value, sizeof(value), &pointer, 0, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
