// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Work for later: a function that a worker of the kernel's runs when the program is over, with
 * every answer of the calls that lead there, in an array.
 */
#include "objects.h"

struct note {
	u64 order;
};

struct task {
	u64 order;
	struct bpf_wq wq;
	struct note __kptr *done;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct task);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

u32 next;

static __always_inline void answer(s64 value)
{
	u32 at = next++;

	bpf_map_update_elem(&answers, &at, &value, 0);
}

/*
 * Runs later, with the map, the key and the value that the work queue lies in. What it leaves no reader of the map sees,
 * since nobody knows how late a worker of the kernel's is.
 */
static int work(void *map, int *key, void *value)
{
	struct task *task = value;

	struct note *note;

	if (*key != 1 || task->order != 7)
		return 0;
	note = bpf_obj_new(struct note);
	if (!note)
		return 0;
	note->order = task->order;
	note = bpf_kptr_xchg(&task->done, note);
	if (note)
		bpf_obj_drop(note);
	return 0;
}

SEC("tc")
int start_work(struct __sk_buff *skb)
{
	u32 key = 1;
	struct task *task = bpf_map_lookup_elem(&tasks, &key);
	struct bpf_wq *wq;

	if (!task)
		return 0;
	task->order = 7;
	wq = &task->wq;
	answer(bpf_wq_start(wq, 0));
	answer(bpf_wq_set_callback(wq, work, 0));
	answer(bpf_wq_init(wq, &tasks, 1));
	answer(bpf_wq_init(wq, &tasks, 0));
	answer(bpf_wq_init(wq, &tasks, 0));
	answer(bpf_wq_start(wq, 0));
	answer(bpf_wq_set_callback(wq, work, 1));
	answer(bpf_wq_set_callback(wq, work, 0));
	answer(bpf_wq_start(wq, 1));
	answer(bpf_wq_start(wq, 0));
	answer(bpf_wq_start(wq, 0));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
