// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The kernel's own objects kept in fields of a map's value: a task and a set of CPUs, each
 * exchanged for the one that was there, and given back.
 */
#include "kernel.h"

#define __kptr __attribute__((btf_type_tag("kptr")))
#define __ksym SEC(".ksyms")

struct cpumask {
	u64 bits[1];
};

struct bpf_cpumask {
	struct cpumask mask;
};

struct seat {
	struct task_struct __kptr *task;
	struct bpf_cpumask __kptr *cpus;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct seat);
} seats SEC(".maps");

static void *(*const bpf_kptr_xchg)(void *field, void *object) = (void *)194;

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *set) __ksym;
extern void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *set) __ksym;
extern u32 bpf_cpumask_first(const struct cpumask *set) __ksym;

s32 pid_before;
u32 cpu_before;

static void seat_task(struct seat *seat, struct task_struct *task)
{
	task = bpf_task_acquire(task);
	if (!task)
		return;
	task = bpf_kptr_xchg(&seat->task, task);
	if (!task)
		return;
	pid_before = task->pid;
	bpf_task_release(task);
}

static void seat_cpus(struct seat *seat)
{
	struct bpf_cpumask *set = bpf_cpumask_create();

	if (!set)
		return;
	bpf_cpumask_set_cpu(1, set);
	set = bpf_kptr_xchg(&seat->cpus, set);
	if (!set)
		return;
	cpu_before = bpf_cpumask_first((const struct cpumask *)set);
	bpf_cpumask_release(set);
}

SEC("tp_btf/sched_process_exec")
int kernel_kptr(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct seat *seat, empty = {};
	u32 key = 0;

	bpf_map_update_elem(&seats, &key, &empty, BPF_NOEXIST);
	seat = bpf_map_lookup_elem(&seats, &key);
	if (!seat)
		return 0;
	seat_task(seat, task);
	seat_cpus(seat);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
