// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What bpf_loop() returns: how often the function was called, or an error.
 *
 * Where a call always has the same function and no flags, the kernel compiles the loop in; its error has 32 bits then,
 * and 64 where the helper is called.
 */
#include "net.h"

#define MAX_LOOPS (8 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} results SEC(".maps");

static long add(u32 index, u64 *sum)
{
	*sum += index;
	return 0;
}

static long stop_at_three(u32 index, u64 *sum)
{
	*sum += 100;
	return index == 3;
}

static long row(u32 index, u64 *sum)
{
	*sum += bpf_loop(4, add, sum, 0);
	return 0;
}

static void keep(u32 index, u64 result)
{
	bpf_map_update_elem(&results, &index, &result, BPF_ANY);
}

SEC("xdp")
int loops(struct xdp_md *ctx)
{
	u64 sum = 0;
	bool longer = ctx->data_end - ctx->data > 200;

	keep(0, bpf_loop(10, add, &sum, 0));
	keep(1, bpf_loop(10, stop_at_three, &sum, 0));
	keep(2, bpf_loop(0, add, &sum, 0));
	keep(3, bpf_loop(MAX_LOOPS + 1, add, &sum, 0));
	keep(4, bpf_loop(10, add, &sum, 1));
	keep(5, bpf_loop(MAX_LOOPS + 1, longer ? (void *)add : (void *)stop_at_three, &sum, 0));
	keep(6, bpf_loop(3, row, &sum, 0));
	keep(7, sum);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
