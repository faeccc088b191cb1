// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Loops over numbers with an iterator, which the verifier walks as long as something new
 * comes of it and not as often as they run: the end may be anything.
 *
 * What an iterator yields and the errors it starts with go into an array.
 */
#include "kfuncs.h"
#include "net.h"

/* Starts at start, ends before end: how many numbers there are and their sum. */
static void count(u32 index, int start, int end)
{
	struct bpf_iter_num iter;
	s64 numbers = 0, sum = 0;
	int *number;

	answer(index, bpf_iter_num_new(&iter, start, end));
	while ((number = bpf_iter_num_next(&iter))) {
		numbers++;
		sum += *number;
	}
	bpf_iter_num_destroy(&iter);
	answer(index + 1, numbers);
	answer(index + 2, sum);
}

SEC("xdp")
int iter_num(struct xdp_md *ctx)
{
	struct bpf_iter_num outer, inner;
	s64 pairs = 0;
	int *i, *j;

	count(0, 3, 7);
	count(3, -2, 5);
	count(6, 5, 5);
	count(9, 1, 0); /* -EINVAL: backwards */
	count(12, 0, 8 * 1024 * 1024 + 1); /* -E2BIG */
	count(15, -2147483647 - 1, 2147483647); /* -E2BIG */
	count(18, 2147483646, 2147483647);
	count(21, 0, 100000);
	count(24, -2147483647 - 1, -2147483647);

	bpf_iter_num_new(&outer, 0, 20);
	while ((i = bpf_iter_num_next(&outer))) {
		int end = *i;

		bpf_iter_num_new(&inner, 0, end);
		while ((j = bpf_iter_num_next(&inner)))
			pairs += end - *j;
		bpf_iter_num_destroy(&inner);
	}
	bpf_iter_num_destroy(&outer);
	answer(27, pairs);

	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	bpf_preempt_disable();
	bpf_preempt_disable();
	bpf_preempt_enable();
	bpf_preempt_enable();
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
