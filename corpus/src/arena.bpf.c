// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Memory that programs and user space share, pointers and all: an arena. What a program loads from
 * where no page is is zero, and what it stores there is lost.
 *
 * A list that grows by a node for each packet, and a look at what is not there; and a program that
 * may sleep, and so takes pages and gives them back. Each fills an array with what it saw.
 */
#include "arena.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 8); /* pages */
	__ulong(map_extra, 1ull << 44);
} arena SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, s64);
} pages SEC(".maps");

struct node {
	struct node __arena *next;
	u64 number;
};

/* These lie in the first page. */
u64 __arena packets = 100;
u32 __arena flags = 0xf0;
struct node __arena *__arena list;
struct node __arena pool[64];

/* A global function, judged alone: it takes any number for a pointer. */
__attribute__((noinline)) u64 sum(struct node __arena *first __arg_arena)
{
	u64 total = 0;

	for (int i = 0; i < 64 && first; i++) {
		total += first->number;
		first = first->next;
	}
	return total;
}

/* Looks at the byte so many bytes into the arena, from its first variable on. */
static __always_inline u64 __arena *at(u64 off)
{
	return (u64 __arena *)((char __arena *)&packets + off);
}

SEC("xdp")
int arena_list(struct xdp_md *ctx)
{
	u64 number = __sync_fetch_and_add(&packets, 1);
	struct node __arena *node = &pool[number & 63];
	volatile u64 __arena *missing = at(5 * PAGE_SIZE);
	volatile u64 __arena *edge = at(PAGE_SIZE - 4);

	node->number = number;
	node->next = list;
	list = node;
	answer(0, number);
	answer(1, sum(list));
	answer(2, sum(0));
	__sync_fetch_and_or(&flags, 3);
	answer(3, flags);
	answer(4, __sync_lock_test_and_set(&flags, 0xf0));
	answer(5, __sync_val_compare_and_swap(&flags, 0xf0, 0xf1));
	answer(6, __sync_val_compare_and_swap(&flags, 0xf0, 0xf2));
	flags = 0xf0;

	/* No page is there. */
	*missing = 7;
	answer(7, *missing);
	answer(8, __sync_fetch_and_add(missing, 11));
	answer(9, __sync_lock_test_and_set(missing, 12));
	answer(10, __sync_val_compare_and_swap(missing, 13, 14));
	answer(11, *missing);

	/* Half of it is on the first page, and half on one that is not there. */
	*edge = ~0ull;
	answer(12, *edge);
	*(volatile u32 __arena *)edge = 9;
	answer(13, *(volatile u32 __arena *)edge);
	answer(14, *edge);

	/* The same node, as the program and as user space know it. */
	answer(15, (u64)node);
	answer(16, (u64)node->next);
	return XDP_PASS;
}

static __always_inline void note(u32 index, s64 value)
{
	bpf_map_update_elem(&pages, &index, &value, BPF_ANY);
}

/* Where a page is, from the arena's first on; -1 for none. */
static __always_inline s64 place(volatile void __arena *page)
{
	return page ? ((u64)page - (1ull << 44)) / PAGE_SIZE : -1;
}

SEC("syscall")
int arena_pages(void *ctx)
{
	volatile u64 __arena *one;
	volatile u64 __arena *two;

	one = bpf_arena_alloc_pages(&arena, 0, 1, ANY_NODE, 0);
	note(0, place(one));
	two = bpf_arena_alloc_pages(&arena, 0, 3, ANY_NODE, 0);
	note(1, place(two));
	if (!one || !two)
		return 1;
	*one = 1;
	*two = 2;
	note(2, *one + *two);
	note(3, place(bpf_arena_alloc_pages(&arena, 0, 4, ANY_NODE, 0)));
	note(4, place(bpf_arena_alloc_pages(&arena, (void __arena *)one, 1, ANY_NODE, 0)));
	note(5, place(bpf_arena_alloc_pages(&arena, 0, 1, ANY_NODE, 1)));
	note(6, place(bpf_arena_alloc_pages(&arena, 0, 1, 1000, 0)));
	note(7, place(bpf_arena_alloc_pages(&arena, 0, 0, ANY_NODE, 0)));
	bpf_arena_free_pages(&arena, (void __arena *)two, 1);
	note(8, *two);
	*two = 5;
	note(9, place(bpf_arena_alloc_pages(&arena, (void __arena *)two, 1, ANY_NODE, 0)));
	note(10, *two);
	bpf_arena_free_pages(&arena, (void __arena *)one, 4);
	note(11, *one);
	return 0;
}

char _license[] SEC("license") = "GPL";
