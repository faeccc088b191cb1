// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What programs ask of the system: its symbols and types by name, its variables of each CPU, and maps made and used by
 * descriptor; and every error on the way.
 */
#include "answers.h"

#define __ksym __attribute__((section(".ksyms")))

struct rq {
	int cpu;
} __attribute__((preserve_access_index));

extern const struct rq runqueues __ksym;
extern const int bpf_prog_active __ksym;

/* The part of `union bpf_attr` for making a map, and for its elements. */
struct making {
	u32 type, key_size, value_size, max_entries, flags;
};

struct element {
	u32 map, pad;
	u64 key, value, flags;
};

static struct making making = { 1, 4, 8, 4, 0 };
static struct element element;
static u32 key = 5;
static u64 value = 7;

#define MAP_CREATE 0
#define MAP_LOOKUP 1
#define MAP_UPDATE 2
#define MAP_DELETE 3
#define BPF_KIND_STRUCT 4

SEC("syscall")
int answers_variables(void *ctx)
{
	struct rq *own, *other;
	int *active;

	own = bpf_this_cpu_ptr(&runqueues);
	ANSWER(own->cpu);
	other = bpf_per_cpu_ptr(&runqueues, 0);
	ANSWER(other ? other->cpu : -1);
	ANSWER(other == own);
	ANSWER(bpf_per_cpu_ptr(&runqueues, 100000) == NULL);
	ANSWER(bpf_per_cpu_ptr(&runqueues, -1) == NULL);
	active = bpf_per_cpu_ptr(&bpf_prog_active, 0);
	ANSWER(active != NULL);
	return 0;
}

#define SYMBOL(name, len, flags)                                          \
	({                                                                \
		u64 address = 7;                                          \
		static const char text[] = name;                          \
		ANSWER(bpf_kallsyms_lookup_name(text, sizeof(text) - len, flags, &address)); \
		ANSWER(address == 0);                                     \
	})

#define TYPE(name, len, kind, flags)                                      \
	({                                                                \
		static const char text[] = name;                          \
		s64 id = bpf_btf_find_by_name_kind(text, sizeof(text) - len, kind, flags); \
		ANSWER(id > 0 ? 1 : id);                                  \
	})

SEC("syscall")
int answers_names(void *ctx)
{
	SYMBOL("bpf_fentry_test1", 0, 0);
	SYMBOL("no_symbol_has_this_name", 0, 0);
	SYMBOL("bpf_fentry_test1", 1, 0);
	SYMBOL("bpf_fentry_test1", 0, 1);
	SYMBOL("", 0, 0);
	SYMBOL("x", 1, 0);
	TYPE("task_struct", 0, BPF_KIND_STRUCT, 0);
	TYPE("task_struct", 0, 5, 0);
	TYPE("no_type_has_this_name", 0, BPF_KIND_STRUCT, 0);
	TYPE("task_struct", 1, BPF_KIND_STRUCT, 0);
	TYPE("task_struct", 0, BPF_KIND_STRUCT, 1);
	TYPE("task_struct", 0, 99, 0);
	return 0;
}

SEC("syscall")
int answers_descriptors(void *ctx)
{
	long map = bpf_sys_bpf(MAP_CREATE, &making, sizeof(making));

	ANSWER(map > 0);
	element.map = map;
	element.key = (u64)&key;
	element.value = (u64)&value;
	ANSWER(bpf_sys_bpf(MAP_UPDATE, &element, sizeof(element)));
	element.flags = 1;
	ANSWER(bpf_sys_bpf(MAP_UPDATE, &element, sizeof(element)));
	element.flags = 0;
	ANSWER(bpf_sys_bpf(MAP_DELETE, &element, sizeof(element)));
	ANSWER(bpf_sys_bpf(MAP_DELETE, &element, sizeof(element)));
	ANSWER(bpf_sys_bpf(99, &element, sizeof(element)));
	ANSWER(bpf_sys_close(map));
	ANSWER(bpf_sys_close(map));
	ANSWER(bpf_sys_bpf(MAP_UPDATE, &element, sizeof(element)));
	ANSWER(bpf_sys_close(1 << 20));
	making.key_size = 0;
	ANSWER(bpf_sys_bpf(MAP_CREATE, &making, sizeof(making)));
	making.key_size = 4;
	/* Addresses and descriptors differ. */
	element.map = element.key = element.value = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
