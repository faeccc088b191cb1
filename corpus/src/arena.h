/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Arenas: the address space that their pointers are of, and the kernel functions for their pages.
 */
#pragma once
#include "kfuncs.h"
#include "net.h"

#define BPF_MAP_TYPE_ARENA 33
#define BPF_F_MMAPABLE (1 << 10)
#define PAGE_SIZE 4096

/* The compiler casts between these pointers and the numbers that user space knows them by. */
#define __arena __attribute__((address_space(1)))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

#define __ulong(name, value) enum { __concat(name, __LINE__) = value } name
#define __concat_(a, b) a##b
#define __concat(a, b) __concat_(a, b)

/* Pages may come from any node of the machine's memory. */
#define ANY_NODE (-1)

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, u32 count, int node,
					   u64 flags) __ksym;
extern void bpf_arena_free_pages(void *map, void __arena *page, u32 count) __ksym;
