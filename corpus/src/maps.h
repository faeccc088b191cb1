/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The less common types of maps, with the flags and helpers that go with them.
 */
#pragma once
#include "ebpf.h"

#define BPF_MAP_TYPE_STACK_TRACE 7
#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_MAP_TYPE_DEVMAP 14
#define BPF_MAP_TYPE_CPUMAP 16
#define BPF_MAP_TYPE_XSKMAP 17
#define BPF_MAP_TYPE_CGROUP_STORAGE 19
#define BPF_MAP_TYPE_QUEUE 22
#define BPF_MAP_TYPE_STACK 23
#define BPF_MAP_TYPE_DEVMAP_HASH 25
#define BPF_MAP_TYPE_TASK_STORAGE 29
#define BPF_MAP_TYPE_BLOOM_FILTER 30

#define BPF_F_NO_PREALLOC (1U << 0)
#define BPF_F_ZERO_SEED (1U << 6)
#define BPF_EXIST 2
#define BPF_F_LOCK 4
#define BPF_F_BROADCAST (1U << 3)
#define BPF_F_USER_STACK (1U << 8)
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

/* A map of two elements, of numbers by number. */
#define SMALL(name, map_type)                    \
	struct {                                 \
		__uint(type, map_type);          \
		__uint(max_entries, 2);          \
		__type(key, u32);                \
		__type(value, u64);              \
	} name SEC(".maps")

static long (*const bpf_get_stackid)(void *ctx, void *map, u64 flags) = (void *)27;
static long (*const bpf_redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static void *(*const bpf_get_local_storage)(void *map, u64 flags) = (void *)81;
static long (*const bpf_map_push_elem)(void *map, const void *value, u64 flags) = (void *)87;
static long (*const bpf_map_pop_elem)(void *map, void *value) = (void *)88;
static long (*const bpf_map_peek_elem)(void *map, void *value) = (void *)89;
static u64 (*const bpf_ringbuf_query)(void *ringbuf, u64 what) = (void *)134;
static void *(*const bpf_task_storage_get)(void *map, void *task, void *value,
					   u64 flags) = (void *)156;
static long (*const bpf_task_storage_delete)(void *map, void *task) = (void *)157;
