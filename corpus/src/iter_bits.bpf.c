// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Loops over the bits that are set in some words, and over what else kernel functions say of
 * memory and maps.
 */
#include "kfuncs.h"
#include "net.h"

struct bpf_iter_bits {
	u64 __opaque[2];
} __attribute__((aligned(8)));

extern int bpf_iter_bits_new(struct bpf_iter_bits *iter, const u64 *words, u32 count) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *iter) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *iter) __ksym;

const volatile u64 words[512] = {
	[0] = 0x8000000000000001,
	[2] = 0xff00,
	[510] = 1ULL << 63,
};

static void count(u32 index, const u64 *from, u32 size)
{
	struct bpf_iter_bits iter;
	s64 bits = 0, sum = 0;
	int *bit;

	answer(index, bpf_iter_bits_new(&iter, from, size));
	while ((bit = bpf_iter_bits_next(&iter))) {
		bits++;
		sum += *bit;
	}
	bpf_iter_bits_destroy(&iter);
	answer(index + 1, bits);
	answer(index + 2, sum);
}

/* What is in it is the kernel's own business. */
struct bpf_map {
	u32 id;
};

extern s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} counted SEC(".maps");

static void count_elements(u32 index)
{
	const struct bpf_map *map = (const struct bpf_map *)&counted;
	u32 key = 1;

	answer(index, bpf_map_sum_elem_count(map));
	bpf_map_update_elem(&counted, &key, &key, BPF_ANY);
	bpf_map_update_elem(&counted, &key, &key, BPF_ANY);
	key = 2;
	bpf_map_update_elem(&counted, &key, &key, BPF_ANY);
	answer(index + 1, bpf_map_sum_elem_count(map));
	bpf_map_delete_elem(&counted, &key);
	answer(index + 2, bpf_map_sum_elem_count(map));
	/* Arrays count nothing. */
	answer(index + 3, bpf_map_sum_elem_count((const struct bpf_map *)&answers));
}

SEC("xdp")
int iter_bits(struct xdp_md *ctx)
{
	const u64 *from = (const u64 *)words;

	count(0, from, 1);
	count(3, from, 2);
	count(6, from, 3);
	count(9, from + 2, 1);
	count(12, from, 511);
	count(15, from, 0); /* -EINVAL */
	count(18, NULL, 1); /* -EINVAL */
	count(21, from, 512); /* -E2BIG */
	count(24, (const u64 *)8, 1); /* -EFAULT */
	count(27, from + 3, 4); /* none is set */
	count_elements(30);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
