/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One relocation of each kind, and what has no answer. */
#include "defs.h"

/* What the compiler's builtins are asked. */
#define OFFSET 0
#define SIZE 1
#define EXISTS 2
#define SIGNED 3
#define LSHIFT 4
#define RSHIFT 5
#define field(what, ask) __builtin_preserve_field_info(what, ask)
#define type_id(type, target) __builtin_btf_type_id(*(type *)0, target)
#define type_exists(type) __builtin_preserve_type_info(*(type *)0, 0)
#define type_size(type) __builtin_preserve_type_info(*(type *)0, 1)
#define type_matches(type) __builtin_preserve_type_info(*(type *)0, 2)
#define value_exists(type, value) __builtin_preserve_enum_value(*(type *)value, 0)
#define value_of(type, value) __builtin_preserve_enum_value(*(type *)value, 1)

struct task_struct {
	u32 sched_reset_on_fork : 1;
	s32 pid;
	u32 no_such_field;
} CORE;

struct no_such_struct {
	u32 x;
} CORE;

/* Another structure under a name that the kernel has. */
struct list_head {
	u32 next;
} CORE;

/* The same as in the kernel, in another order. */
struct hlist_node {
	struct hlist_node **pprev, *next;
} CORE;

struct task_struct___sizes {
	long pid;
	u64 flags;
} CORE;

enum bpf_map_type {
	BPF_MAP_TYPE_ARRAY___mine = 77,
	BPF_MAP_TYPE_NONE_SUCH = 78,
};

enum fs_value_type___wide {
	fs_value_is_file = 1ULL << 40,
};

/* Keeps each number in a load of its own. */
#define emit(number) asm volatile("" :: "r"((u64)(number)))

SEC("raw_tp/sys_enter") int places(u64 *ctx)
{
	struct task_struct *task = (void *)0;

	emit(field(task->pid, OFFSET));
	emit(field(task->pid, SIZE));
	emit(field(task->pid, EXISTS));
	emit(field(task->no_such_field, EXISTS));
	asm volatile("r0 = r1" ::: "r0");
	asm volatile("exit");
	__builtin_unreachable();
}

SEC("raw_tp/sys_enter") int signs(u64 *ctx)
{
	struct task_struct *task = (void *)0;

	emit(field(task->pid, SIGNED));
	emit(field(task->sched_reset_on_fork, SIGNED));
	emit(field(task->sched_reset_on_fork, LSHIFT));
	emit(field(task->sched_reset_on_fork, RSHIFT));
	asm volatile("r0 = r1; exit");
	__builtin_unreachable();
}

SEC("raw_tp/sys_enter") int types(u64 *ctx)
{
	emit(type_id(struct task_struct, 0));
	emit(type_id(struct task_struct, 1));
	emit(type_exists(struct task_struct));
	emit(type_exists(struct no_such_struct));
	emit(type_size(struct task_struct));
	emit(type_size(struct no_such_struct));
	emit(type_matches(struct hlist_node));
	emit(type_matches(struct list_head));
	asm volatile("r0 = r1; exit");
	__builtin_unreachable();
}

SEC("raw_tp/sys_enter") int values(u64 *ctx)
{
	emit(value_exists(enum bpf_map_type, BPF_MAP_TYPE_ARRAY___mine));
	emit(value_exists(enum bpf_map_type, BPF_MAP_TYPE_NONE_SUCH));
	emit(value_exists(enum fs_value_type___wide, fs_value_is_file));
	emit(value_of(enum bpf_map_type, BPF_MAP_TYPE_ARRAY___mine));
	asm volatile("r0 = r1; exit");
	__builtin_unreachable();
}

SEC("raw_tp/sys_enter") int missing_value(u64 *ctx)
{
	return value_of(enum bpf_map_type, BPF_MAP_TYPE_NONE_SUCH);
}

SEC("raw_tp/sys_enter") int resized(u64 *ctx)
{
	struct task_struct___sizes *task = (void *)ctx[0];

	return task->flags ? task->pid : 0;
}
