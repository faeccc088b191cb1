// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Loops that the kernel runs: it calls a function of the program for each round.
 *
 * bpf_loop() counts, bpf_for_each_map_elem() walks through a map. A callback returns 0 to go
 * on and 1 to stop. The verifier looks at the callback and not at every round, so that
 * there may be many.
 */
#include "trace.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} squares SEC(".maps");

struct sum {
	u64 total;
	u32 elements;
};

static long fill_square(u32 index, void *unused)
{
	u64 square = (u64)index * index;

	bpf_map_update_elem(&squares, &index, &square, BPF_ANY);
	return 0;
}

static long add_element(void *map, const u32 *key, u64 *value, struct sum *sum)
{
	sum->total += *value;
	sum->elements++;
	return *key == 5; /* stop after the sixth */
}

SEC("tracepoint/syscalls/sys_enter_execve")
int callbacks(struct sys_enter_execve *ctx)
{
	struct sum sum = {};
	long rounds = bpf_loop(8, fill_square, NULL, 0);

	bpf_for_each_map_elem(&squares, add_element, &sum, 0);
	bpf_printk("%ld rounds, %d elements, total %llu", rounds, sum.elements, sum.total);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
