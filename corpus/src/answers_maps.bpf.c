// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Maps of maps, of tasks' and cgroups' values, of each CPU's, of records, and helpers that look into them: right, and
 * every error on the way.
 */
#include "answers.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cgroup {
	int level;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct css_set *cgroups;
	struct task_struct *group_leader;
};

#pragma clang attribute pop

extern void bpf_rcu_read_lock(void) __attribute__((section(".ksyms")));
extern void bpf_rcu_read_unlock(void) __attribute__((section(".ksyms")));

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, struct inner);
} by_index SEC(".maps") = { .values = { [0] = &first, [2] = &second } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, u32);
	__array(values, struct inner);
} by_key SEC(".maps") = { .values = { [1] = &second } };

SMALL(each, BPF_MAP_TYPE_PERCPU_ARRAY);
SMALL(each_by_key, BPF_MAP_TYPE_PERCPU_HASH);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} plain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, u32);
	__type(value, u32);
} events SEC(".maps");

#define STORAGE(name, map_type)                            \
	struct {                                           \
		__uint(type, map_type);                    \
		__uint(map_flags, BPF_F_NO_PREALLOC);      \
		__type(key, s32);                          \
		__type(value, u64);                        \
	} name SEC(".maps")

STORAGE(of_tasks, BPF_MAP_TYPE_TASK_STORAGE);
STORAGE(of_cgroups, BPF_MAP_TYPE_CGRP_STORAGE);

#define READ(map, key)                                                    \
	({                                                                \
		u32 at = key;                                             \
		u64 *value = bpf_map_lookup_elem(map, &at);               \
		ANSWER(value ? (s64)*value : -1);                         \
	})

SEC("xdp")
int answers_inner(struct xdp_md *ctx)
{
	u32 zero = 0, one = 1, two = 2, three = 3;
	u64 value = 5;
	void *map;

	map = bpf_map_lookup_elem(&by_index, &zero);
	ANSWER(map != NULL);
	if (map) {
		ANSWER(bpf_map_update_elem(map, &one, &value, BPF_ANY));
		ANSWER(bpf_map_update_elem(map, &two, &value, BPF_ANY));
		ANSWER(bpf_map_update_elem(map, &one, &value, BPF_NOEXIST));
		ANSWER(bpf_map_delete_elem(map, &one));
		READ(map, 1);
		READ(map, 2);
	}
	READ(&first, 1);
	map = bpf_map_lookup_elem(&by_index, &one);
	ANSWER(map != NULL);
	map = bpf_map_lookup_elem(&by_index, &three);
	ANSWER(map != NULL);
	map = bpf_map_lookup_elem(&by_index, &two);
	if (map)
		ANSWER(bpf_map_update_elem(map, &zero, &value, BPF_EXIST));
	map = bpf_map_lookup_elem(&by_key, &one);
	ANSWER(map != NULL);
	if (map)
		READ(map, 0);
	map = bpf_map_lookup_elem(&by_key, &two);
	ANSWER(map != NULL);
	return XDP_PASS;
}

SEC("xdp")
int answers_of_each_cpu(struct xdp_md *ctx)
{
	u32 zero = 0, one = 1, two = 2, nine = 9;
	u64 value = 5, *found;

	ANSWER(bpf_map_update_elem(&each, &one, &value, BPF_ANY));
	found = bpf_map_lookup_percpu_elem(&each, &one, 0);
	ANSWER(found ? (s64)*found : -1);
	found = bpf_map_lookup_percpu_elem(&each, &two, 0);
	ANSWER(found ? (s64)*found : -1);
	found = bpf_map_lookup_percpu_elem(&each, &one, 100000);
	ANSWER(found ? (s64)*found : -1);
	found = bpf_map_lookup_percpu_elem(&each, &one, -1);
	ANSWER(found ? (s64)*found : -1);
	ANSWER(bpf_map_delete_elem(&each, &one));
	ANSWER(bpf_map_update_elem(&each_by_key, &nine, &value, BPF_ANY));
	found = bpf_map_lookup_percpu_elem(&each_by_key, &nine, 0);
	ANSWER(found ? (s64)*found : -1);
	found = bpf_map_lookup_percpu_elem(&each_by_key, &zero, 0);
	ANSWER(found ? (s64)*found : -1);
	found = bpf_map_lookup_percpu_elem(&each_by_key, &nine, 100000);
	ANSWER(found ? (s64)*found : -1);
	return XDP_PASS;
}

u64 total, seen, last = -1;

static long add(void *map, u32 *key, u64 *value, void *unused)
{
	total += *key + *value;
	seen++;
	return seen == last;
}

#define WALK(map, flags)                                                  \
	({                                                                \
		u64 unused = 0;                                           \
		total = seen = 0;                                         \
		ANSWER(bpf_for_each_map_elem(map, add, &unused, flags));  \
		ANSWER(seen);                                             \
		ANSWER(total);                                            \
	})

SEC("xdp")
int answers_walked(struct xdp_md *ctx)
{
	u64 value = 100;
	u32 one = 1, two = 2, three = 3;

	WALK(&plain, 0);
	bpf_map_update_elem(&plain, &one, &value, BPF_ANY);
	bpf_map_update_elem(&plain, &two, &value, BPF_ANY);
	bpf_map_update_elem(&plain, &three, &value, BPF_ANY);
	WALK(&plain, 0);
	WALK(&plain, 1);
	last = 2;
	total = seen = 0;
	ANSWER(bpf_for_each_map_elem(&plain, add, &value, 0));
	ANSWER(seen);
	last = -1;
	WALK(&each, 0);
	WALK(&first, 0);
	WALK(&each_by_key, 0);
	return XDP_PASS;
}

SEC("xdp")
int answers_records(struct xdp_md *ctx)
{
	u64 *record, value = 5;

	record = bpf_ringbuf_reserve(&ring, 8, 1);
	ANSWER(record != NULL);
	if (record)
		bpf_ringbuf_discard(record, 0);
	record = bpf_ringbuf_reserve(&ring, 4096, 0);
	ANSWER(record != NULL);
	if (record)
		bpf_ringbuf_discard(record, 0);
	record = bpf_ringbuf_reserve(&ring, 8, 0);
	ANSWER(record != NULL);
	if (record) {
		*record = 7;
		bpf_ringbuf_discard(record, 1);
	}
	ANSWER(bpf_ringbuf_query(&ring, 0));
	ANSWER(bpf_ringbuf_query(&ring, 1));
	ANSWER(bpf_ringbuf_query(&ring, 2));
	ANSWER(bpf_ringbuf_query(&ring, 3));
	ANSWER(bpf_ringbuf_query(&ring, 4));
	ANSWER(bpf_ringbuf_output(&ring, &value, 8, 1));
	ANSWER(bpf_ringbuf_output(&ring, &value, 8, 2));
	ANSWER(bpf_ringbuf_output(&ring, &value, 8, 3));
	ANSWER(bpf_ringbuf_output(&ring, &value, 8, 4));
	ANSWER(bpf_ringbuf_output(&ring, &value, 0, 0));
	ANSWER(bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &value, 8));
	ANSWER(bpf_perf_event_output(ctx, &events, 0, &value, 4));
	ANSWER(bpf_perf_event_output(ctx, &events, 100000, &value, 8));
	ANSWER(bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 20ULL << 32, &value, 8));
	ANSWER(bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 100000ULL << 32, &value, 8));
	ANSWER(bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 1ULL << 52, &value, 8));
	ANSWER(bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &value, 0));
	return XDP_PASS;
}

SEC("syscall")
int answers_of_task(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 *value, initial = 5;

	ANSWER(bpf_task_storage_delete(&of_tasks, task));
	ANSWER(bpf_task_storage_get(&of_tasks, task, NULL, 0) != NULL);
	ANSWER(bpf_task_storage_get(&of_tasks, task, &initial, 0) != NULL);
	ANSWER(bpf_task_storage_get(&of_tasks, task, &initial, 2) != NULL);
	value = bpf_task_storage_get(&of_tasks, task, &initial, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? (s64)*value : -1);
	if (value)
		*value = 7;
	value = bpf_task_storage_get(&of_tasks, task, NULL, 0);
	ANSWER(value ? (s64)*value : -1);
	ANSWER(bpf_task_storage_delete(&of_tasks, task));
	ANSWER(bpf_task_storage_delete(&of_tasks, task));
	value = bpf_task_storage_get(&of_tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? (s64)*value : -1);
	bpf_task_storage_delete(&of_tasks, task);
	return 0;
}

SEC("syscall")
int answers_of_cgroup(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *cgroup;
	u64 *value, initial = 5;

	bpf_rcu_read_lock();
	cgroup = task->cgroups->dfl_cgrp;
	ANSWER(bpf_cgrp_storage_delete(&of_cgroups, cgroup));
	ANSWER(bpf_cgrp_storage_get(&of_cgroups, cgroup, NULL, 0) != NULL);
	ANSWER(bpf_cgrp_storage_get(&of_cgroups, cgroup, &initial, 2) != NULL);
	value = bpf_cgrp_storage_get(&of_cgroups, cgroup, &initial, BPF_LOCAL_STORAGE_GET_F_CREATE);
	ANSWER(value ? (s64)*value : -1);
	value = bpf_cgrp_storage_get(&of_cgroups, cgroup, NULL, 0);
	ANSWER(value ? (s64)*value : -1);
	ANSWER(bpf_cgrp_storage_delete(&of_cgroups, cgroup));
	ANSWER(bpf_cgrp_storage_delete(&of_cgroups, cgroup));
	bpf_rcu_read_unlock();
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
