// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Whoever runs, its stacks, cgroups, counters and clocks: every error, and of what differs between machines and runs
 * what must be the same anywhere.
 */
#include "answers.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cgroup {
	int level;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct file {
	u32 f_flags;
};

struct task_struct {
	s32 pid, tgid;
	char comm[16];
	struct css_set *cgroups;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end;
	struct file *vm_file;
};

struct pt_regs {
	unsigned long ip, sp;
};

#pragma clang attribute pop

struct pidns_info {
	u32 pid, tgid;
};

struct counted {
	u64 counter, enabled, running;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64[8]);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} cgroups SEC(".maps");

#define EPERM 1
#define SIGCONT 18
#define NO_SIGNAL 65

/* init takes no signals from programs, and is who runs this in some guests. */
static __always_inline s64 unless_init(s64 reply)
{
	if ((u32)bpf_get_current_pid_tgid() != 1)
		return reply;
	return reply == -EPERM ? 77 : reply;
}

SEC("syscall")
int answers_task(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 ids = bpf_get_current_pid_tgid();
	char name[16], shorter[4];
	u64 owner = bpf_get_current_uid_gid();
	struct pt_regs *regs;

	ANSWER((u32)ids == (u32)task->pid);
	ANSWER(ids >> 32 == (u32)task->tgid);
	ANSWER(bpf_get_current_task() == (u64)task);
	ANSWER(bpf_get_current_comm(name, sizeof(name)));
	ANSWER(name[0] == task->comm[0] && name[1] == task->comm[1]);
	ANSWER(bpf_get_current_comm(shorter, sizeof(shorter)));
	ANSWER(shorter[0] == name[0] && shorter[2] == name[2] && shorter[3] == 0);
	ANSWER(bpf_get_current_comm(shorter, 1));
	ANSWER(shorter[0]);
	ANSWER(owner == bpf_get_current_uid_gid());
	regs = bpf_task_pt_regs(task);
	ANSWER(regs->sp != 0);
	return 0;
}

SEC("syscall")
int answers_signals(void *ctx)
{
	ANSWER(unless_init(bpf_send_signal(NO_SIGNAL)) != 0);
	ANSWER(unless_init(bpf_send_signal_thread(NO_SIGNAL)) != 0);
	ANSWER(unless_init(bpf_send_signal(SIGCONT)) == 0 || (u32)bpf_get_current_pid_tgid() == 1);
	ANSWER(unless_init(bpf_send_signal_thread(SIGCONT)) == 0 ||
	       (u32)bpf_get_current_pid_tgid() == 1);
	return 0;
}

SEC("syscall")
int answers_namespaces(void *ctx)
{
	struct pidns_info info = { 7, 7 };

	ANSWER(bpf_get_ns_current_pid_tgid(0, 0, &info, sizeof(info)));
	ANSWER(info.pid | info.tgid);
	ANSWER(bpf_get_ns_current_pid_tgid(0, 0, &info, 4));
	ANSWER(bpf_get_ns_current_pid_tgid(1, 1, &info, sizeof(info)));
	ANSWER(bpf_get_ns_current_pid_tgid(1ULL << 40, 1, &info, sizeof(info)));
	return 0;
}

SEC("fentry/bpf_fentry_test1")
int answers_cgroups(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 own = bpf_get_current_cgroup_id();
	int level = task->cgroups->dfl_cgrp->level;

	ANSWER(bpf_get_current_ancestor_cgroup_id(level) == own);
	ANSWER(bpf_get_current_ancestor_cgroup_id(0));
	ANSWER(bpf_get_current_ancestor_cgroup_id(level + 1));
	ANSWER(bpf_get_current_ancestor_cgroup_id(-1));
	ANSWER(bpf_current_task_under_cgroup(&cgroups, 0));
	ANSWER(bpf_current_task_under_cgroup(&cgroups, 2));
	return 0;
}

SEC("fentry/bpf_fentry_test1")
int answers_counters(void *ctx)
{
	struct counted counted = { 1, 2, 3 };
	char place[8] = "record";
	u64 count = bpf_perf_event_read(&events, 0);

	ANSWER(bpf_perf_event_read(&events, 0) >= count);
	ANSWER(bpf_perf_event_read(&events, 2));
	ANSWER(bpf_perf_event_read(&events, 1ULL << 32));
	ANSWER(bpf_perf_event_read_value(&events, 0, &counted, sizeof(counted)));
	ANSWER(counted.counter >= count);
	ANSWER(bpf_perf_event_read_value(&events, 5, &counted, sizeof(counted)));
	counted.counter = 1;
	ANSWER(bpf_perf_event_read_value(&events, 0, &counted, 8));
	ANSWER(counted.counter);
	ANSWER(bpf_perf_event_read_value(&events, 1ULL << 32, &counted, sizeof(counted)));
	ANSWER(bpf_perf_event_output(ctx, &events, 2, place, sizeof(place)));
	ANSWER(bpf_perf_event_output(ctx, &events, 1ULL << 32, place, sizeof(place)));
	ANSWER(bpf_get_branch_snapshot(place, 8, 1));
	ANSWER(bpf_get_branch_snapshot(place, 8, 0));
	return 0;
}

SEC("fentry/bpf_fentry_test1")
int answers_stacks(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 frames[4] = {};
	long id;

	id = bpf_get_stackid(ctx, &stacks, 0);
	ANSWER(id >= 0);
	ANSWER(bpf_get_stackid(ctx, &stacks, 1 << 12));
	ANSWER(bpf_get_stackid(ctx, &stacks, 1 << 16));
	ANSWER(bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | 1 << 11));
	ANSWER(bpf_get_stackid(ctx, &stacks, 255));
	ANSWER(bpf_get_stack(ctx, frames, sizeof(frames), 0) > 0);
	ANSWER(frames[0] != 0);
	ANSWER(bpf_get_stack(ctx, frames, sizeof(frames), 1 << 10));
	ANSWER(frames[0]);
	ANSWER(bpf_get_stack(ctx, frames, 20, 0));
	ANSWER(bpf_get_stack(ctx, frames, 0, 0));
	ANSWER(bpf_get_stack(ctx, frames, sizeof(frames), 255));
	ANSWER(bpf_get_stack(ctx, frames, sizeof(frames), 1 << 11));
	ANSWER(bpf_get_stack(ctx, frames, 20, BPF_F_USER_STACK | 1 << 11));
	ANSWER(bpf_get_task_stack(task, frames, sizeof(frames), 1 << 10));
	ANSWER(bpf_get_task_stack(task, frames, 20, 0));
	ANSWER(bpf_get_task_stack(task, frames, sizeof(frames), 255));
	return 0;
}

SEC("syscall")
int answers_clocks(void *ctx)
{
	u64 mono = bpf_ktime_get_ns(), boot = bpf_ktime_get_boot_ns();
	u64 jiffies = bpf_jiffies64(), tai = bpf_ktime_get_tai_ns();

	ANSWER(bpf_ktime_get_ns() >= mono);
	ANSWER(bpf_ktime_get_boot_ns() >= boot && boot + 1000000000 >= mono);
	ANSWER(bpf_ktime_get_tai_ns() >= tai && tai > mono);
	ANSWER(bpf_jiffies64() >= jiffies && jiffies > 0);
	ANSWER(bpf_get_smp_processor_id());
	ANSWER(bpf_get_numa_node_id());
	ANSWER(bpf_get_prandom_u32() != bpf_get_prandom_u32() || bpf_get_prandom_u32());
	return 0;
}

/* A clock that holds still between ticks, which not all programs have. */
SEC("xdp")
int answers_coarse_clock(struct xdp_md *ctx)
{
	u64 coarse = bpf_ktime_get_coarse_ns(), mono = bpf_ktime_get_ns();

	ANSWER(coarse > 0);
	ANSWER(coarse <= mono);
	ANSWER(bpf_ktime_get_coarse_ns() >= coarse);
	return XDP_PASS;
}

static long found(struct task_struct *task, struct vm_area_struct *area, u64 *seen)
{
	seen[0]++;
	seen[1] = area->vm_start <= seen[2] && seen[2] < area->vm_end;
	return 1;
}

/* What a process runs is mapped from a file, which is no socket. */
static long found_file(struct task_struct *task, struct vm_area_struct *area, u64 *seen)
{
	struct file *file = area->vm_file;

	seen[0] = file ? bpf_sock_from_file(file) == NULL : 2;
	return 0;
}

SEC("syscall")
int answers_file(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 seen[1] = {};

	ANSWER(bpf_find_vma(task, ((struct pt_regs *)bpf_task_pt_regs(task))->ip, found_file, seen, 0));
	ANSWER(seen[0]);
	return 0;
}

SEC("syscall")
int answers_areas(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 seen[3] = {};

	seen[2] = ((struct pt_regs *)bpf_task_pt_regs(task))->sp;
	ANSWER(bpf_find_vma(task, seen[2], found, seen, 0));
	ANSWER(seen[0]);
	ANSWER(seen[1]);
	ANSWER(bpf_find_vma(task, 0, found, seen, 0));
	ANSWER(bpf_find_vma(task, seen[2], found, seen, 1));
	ANSWER(seen[0]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
