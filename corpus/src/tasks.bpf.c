// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Other tasks than the current one, and cgroups: found by number, held by reference, and
 * walked over.
 */
#include "right.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
};

#pragma clang attribute pop

struct bpf_iter_task {
	u64 __opaque[3];
} __attribute__((aligned(8)));

struct bpf_iter_css {
	u64 __opaque[3];
} __attribute__((aligned(8)));

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor) __ksym;
extern struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgroup) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgroup) __ksym;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgroup, int level) __ksym;
extern struct cgroup *bpf_cgroup_from_id(u64 id) __ksym;
extern int bpf_iter_task_new(struct bpf_iter_task *iter, struct task_struct *task,
			     u32 flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *iter) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *iter) __ksym;
extern int bpf_iter_css_new(struct bpf_iter_css *iter, struct cgroup_subsys_state *start,
			    u32 flags) __ksym;
extern struct cgroup_subsys_state *bpf_iter_css_next(struct bpf_iter_css *iter) __ksym;
extern void bpf_iter_css_destroy(struct bpf_iter_css *iter) __ksym;

#define ALL_PROCS 0
#define ALL_THREADS 1
#define PROC_THREADS 2
#define DESCENDANTS_PRE 2
#define DESCENDANTS_POST 3
#define ANCESTORS_UP 4
#define EINVAL 22

SEC("tp_btf/sched_process_exec")
int references(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0], *other;
	s32 parent = task->real_parent->pid;

	other = bpf_task_acquire(task);
	if (other) {
		holds(0, other->pid == task->pid);
		bpf_task_release(other);
	}
	other = bpf_task_from_pid(parent);
	if (other) {
		holds(1, other->pid == parent);
		bpf_task_release(other);
	}
	other = bpf_task_from_pid(task->pid);
	if (other) {
		holds(2, other->tgid == task->tgid);
		bpf_task_release(other);
	}
	other = bpf_task_from_pid(0);
	holds(3, !other);
	if (other)
		bpf_task_release(other);
	other = bpf_task_from_pid(-1);
	holds(4, !other);
	if (other)
		bpf_task_release(other);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int cgroups(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct cgroup *root, *other;

	root = bpf_cgroup_from_id(1);
	if (!root)
		return 0;
	holds(10, root->level == 0);
	holds(11, bpf_task_under_cgroup(task, root) == 1);
	other = bpf_cgroup_acquire(root);
	if (other) {
		holds(12, other->self.cgroup == root);
		bpf_cgroup_release(other);
	}
	other = bpf_cgroup_ancestor(root, 0);
	if (other) {
		holds(13, other->level == 0);
		bpf_cgroup_release(other);
	}
	other = bpf_cgroup_ancestor(root, 1);
	holds(14, !other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_ancestor(root, -1);
	holds(15, !other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_from_id(0xffffffff00000000);
	holds(16, !other);
	if (other)
		bpf_cgroup_release(other);
	bpf_cgroup_release(root);
	return 0;
}

/* Whether tasks of these numbers are among those that it yields, and how it starts. */
static __always_inline int walk(struct task_struct *of, u32 flags, s32 pid, bool *found)
{
	struct bpf_iter_task iter;
	struct task_struct *task;
	int started;

	*found = false;
	bpf_rcu_read_lock();
	started = bpf_iter_task_new(&iter, of, flags);
	while ((task = bpf_iter_task_next(&iter))) {
		if (task->pid == pid)
			*found = true;
	}
	bpf_iter_task_destroy(&iter);
	bpf_rcu_read_unlock();
	return started;
}

SEC("tp_btf/sched_process_exec")
int walk_tasks(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	s32 pid = task->pid;
	bool found;

	holds(20, walk(NULL, ALL_PROCS, 0, &found) == 0 && found);
	holds(21, walk(NULL, ALL_PROCS, pid, &found) == 0 && found);
	holds(22, walk(NULL, ALL_THREADS, pid, &found) == 0 && found);
	holds(23, walk(task, PROC_THREADS, pid, &found) == 0 && found);
	holds(24, walk(task, PROC_THREADS, 1, &found) == 0 && !found);
	holds(25, walk(NULL, PROC_THREADS, pid, &found) == -EINVAL && !found);
	holds(26, walk(NULL, 3, pid, &found) == -EINVAL && !found);
	return 0;
}

/* How deep the first and the last cgroup lie that it yields: -1 if there is none. */
static __always_inline int walk_from(struct cgroup *start, u32 flags, int *first, int *last)
{
	struct cgroup_subsys_state *css;
	struct bpf_iter_css iter;
	int started;

	*first = *last = -1;
	bpf_rcu_read_lock();
	started = bpf_iter_css_new(&iter, &start->self, flags);
	while ((css = bpf_iter_css_next(&iter))) {
		*last = css->cgroup->level;
		if (*first < 0)
			*first = *last;
	}
	bpf_iter_css_destroy(&iter);
	bpf_rcu_read_unlock();
	return started;
}

SEC("tp_btf/sched_process_exec")
int walk_cgroups(u64 *ctx)
{
	struct cgroup *root = bpf_cgroup_from_id(1);
	int first, last;

	if (!root)
		return 0;
	holds(30, walk_from(root, DESCENDANTS_PRE, &first, &last) == 0 && first == 0);
	holds(31, walk_from(root, DESCENDANTS_POST, &first, &last) == 0 && last == 0);
	holds(32, walk_from(root, ANCESTORS_UP, &first, &last) == 0 && first == 0 && last == 0);
	holds(33, walk_from(root, 0, &first, &last) == -EINVAL && first == -1);
	holds(34, walk_from(root, 5, &first, &last) == -EINVAL && first == -1);
	bpf_cgroup_release(root);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
