/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Kernel functions (kfuncs), which programs call by name: the loader finds them in the kernel's
 * types. And an array for what they answer, to be read there and compared with a kernel's.
 */
#pragma once
#include "ebpf.h"

#define __ksym __attribute__((section(".ksyms")))

struct bpf_iter_num {
	u64 __opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *iter, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *iter) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *iter) __ksym;

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}
