// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What the current process has mapped: an iterator over its memory areas, from the first and from
 * an address on. The map has an entry for each thing of which it is so.
 */
#include "right.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vm_area_struct {
	unsigned long vm_start, vm_end;
};

#pragma clang attribute pop

struct bpf_iter_task_vma {
	u64 __opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *iter, struct task_struct *task,
				 unsigned long addr) __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *iter) __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *iter) __ksym;

/* What a walk saw. In memory, where the verifier does not follow what changes with every area. */
struct walk {
	int begun;
	u32 count, rising;
	u64 start, end, last;
};

struct walk all, within, after, nowhere;

static __always_inline void walk(struct walk *walk, struct task_struct *task, u64 from)
{
	struct bpf_iter_task_vma iter;
	struct vm_area_struct *area;

	walk->rising = 1;
	walk->begun = bpf_iter_task_vma_new(&iter, task, from);
	while ((area = bpf_iter_task_vma_next(&iter))) {
		if (walk->count == 0) {
			walk->start = area->vm_start;
			walk->end = area->vm_end;
		}
		if (area->vm_start < walk->last || area->vm_end <= area->vm_start)
			walk->rising = 0;
		walk->last = area->vm_end;
		walk->count++;
	}
	bpf_iter_task_vma_destroy(&iter);
}

SEC("tp_btf/sched_process_exec")
int iter_areas(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];

	walk(&all, task, 0);
	holds(0, all.begun == 0 && all.count > 1 && all.rising);
	bpf_printk("first from %lx to %lx", all.start, all.end);
	/* An address within an area begins with that area, its end with the next. */
	walk(&within, task, all.start + 1);
	holds(1, within.begun == 0 && within.count == all.count && within.start == all.start);
	walk(&after, task, all.end);
	holds(2, after.begun == 0 && after.count == all.count - 1 && after.start >= all.end);
	walk(&nowhere, task, ~0ull);
	holds(3, nowhere.begun == 0 && nowhere.count == 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
