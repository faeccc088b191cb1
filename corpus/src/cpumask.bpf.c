// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Sets of CPUs, which a program makes, changes, compares and gives back. How many CPUs there
 * are is up to the machine; this one needs two.
 */
#include "right.h"

/* What is in them is the kernel's own business. */
struct cpumask {
	u64 bits[1];
};

struct bpf_cpumask {
	struct cpumask mask;
};

#define MASK(set) ((const struct cpumask *)(set))

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *set) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *set) __ksym;
extern u32 bpf_cpumask_first(const struct cpumask *set) __ksym;
extern u32 bpf_cpumask_first_zero(const struct cpumask *set) __ksym;
extern u32 bpf_cpumask_first_and(const struct cpumask *a, const struct cpumask *b) __ksym;
extern void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *set) __ksym;
extern void bpf_cpumask_clear_cpu(u32 cpu, struct bpf_cpumask *set) __ksym;
extern bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *set) __ksym;
extern bool bpf_cpumask_test_and_set_cpu(u32 cpu, struct bpf_cpumask *set) __ksym;
extern bool bpf_cpumask_test_and_clear_cpu(u32 cpu, struct bpf_cpumask *set) __ksym;
extern void bpf_cpumask_setall(struct bpf_cpumask *set) __ksym;
extern void bpf_cpumask_clear(struct bpf_cpumask *set) __ksym;
extern bool bpf_cpumask_and(struct bpf_cpumask *to, const struct cpumask *a,
			    const struct cpumask *b) __ksym;
extern void bpf_cpumask_or(struct bpf_cpumask *to, const struct cpumask *a,
			   const struct cpumask *b) __ksym;
extern void bpf_cpumask_xor(struct bpf_cpumask *to, const struct cpumask *a,
			    const struct cpumask *b) __ksym;
extern bool bpf_cpumask_equal(const struct cpumask *a, const struct cpumask *b) __ksym;
extern bool bpf_cpumask_intersects(const struct cpumask *a, const struct cpumask *b) __ksym;
extern bool bpf_cpumask_subset(const struct cpumask *a, const struct cpumask *b) __ksym;
extern bool bpf_cpumask_empty(const struct cpumask *set) __ksym;
extern bool bpf_cpumask_full(const struct cpumask *set) __ksym;
extern void bpf_cpumask_copy(struct bpf_cpumask *to, const struct cpumask *from) __ksym;
extern u32 bpf_cpumask_any_distribute(const struct cpumask *set) __ksym;
extern u32 bpf_cpumask_any_and_distribute(const struct cpumask *a,
					  const struct cpumask *b) __ksym;
extern u32 bpf_cpumask_weight(const struct cpumask *set) __ksym;

#define NO_CPU 100000

static __always_inline void one(struct bpf_cpumask *set)
{
	const struct cpumask *mask = MASK(set);
	u32 cpus;

	holds(0, bpf_cpumask_empty(mask) && !bpf_cpumask_full(mask));
	bpf_cpumask_set_cpu(1, set);
	holds(1, bpf_cpumask_test_cpu(1, mask) && !bpf_cpumask_test_cpu(0, mask));
	holds(2, bpf_cpumask_first(mask) == 1 && bpf_cpumask_first_zero(mask) == 0);
	holds(3, bpf_cpumask_weight(mask) == 1);
	holds(4, !bpf_cpumask_test_and_set_cpu(0, set) && bpf_cpumask_test_and_set_cpu(0, set));
	holds(5, bpf_cpumask_test_and_clear_cpu(0, set));
	holds(6, !bpf_cpumask_test_and_clear_cpu(0, set));
	bpf_cpumask_set_cpu(NO_CPU, set);
	holds(7, !bpf_cpumask_test_cpu(NO_CPU, mask) && bpf_cpumask_weight(mask) == 1);
	holds(8, !bpf_cpumask_test_and_set_cpu(NO_CPU, set));
	holds(9, bpf_cpumask_any_distribute(mask) == 1);
	bpf_cpumask_clear_cpu(1, set);
	holds(10, bpf_cpumask_empty(mask));
	bpf_cpumask_setall(set);
	cpus = bpf_cpumask_weight(mask);
	holds(11, bpf_cpumask_full(mask) && cpus >= 2);
	holds(12, bpf_cpumask_first_zero(mask) >= cpus);
	bpf_cpumask_clear(set);
	holds(13, bpf_cpumask_first(mask) >= cpus);
}

static __always_inline void two(struct bpf_cpumask *a, struct bpf_cpumask *b)
{
	bpf_cpumask_clear(b);
	bpf_cpumask_set_cpu(0, a);
	bpf_cpumask_set_cpu(1, b);
	holds(20, !bpf_cpumask_intersects(MASK(a), MASK(b)) && !bpf_cpumask_equal(MASK(a), MASK(b)));
	holds(21, bpf_cpumask_first_and(MASK(a), MASK(b)) >= 2);
	bpf_cpumask_or(a, MASK(a), MASK(b));
	holds(22, bpf_cpumask_weight(MASK(a)) == 2 && bpf_cpumask_subset(MASK(b), MASK(a)));
	holds(23, !bpf_cpumask_subset(MASK(a), MASK(b)));
	holds(24, bpf_cpumask_any_and_distribute(MASK(a), MASK(b)) == 1);
	bpf_cpumask_xor(a, MASK(a), MASK(b));
	holds(25, bpf_cpumask_test_cpu(0, MASK(a)) && !bpf_cpumask_test_cpu(1, MASK(a)));
	holds(26, !bpf_cpumask_and(b, MASK(a), MASK(b)) && bpf_cpumask_empty(MASK(b)));
	bpf_cpumask_copy(b, MASK(a));
	holds(27, bpf_cpumask_equal(MASK(a), MASK(b)) && bpf_cpumask_intersects(MASK(a), MASK(b)));
	holds(28, bpf_cpumask_and(b, MASK(a), MASK(b)));
}

SEC("tp_btf/sched_process_exec")
int cpumask(void *ctx)
{
	struct bpf_cpumask *set, *other, *again;

	set = bpf_cpumask_create();
	if (!set)
		return 0;
	one(set);
	other = bpf_cpumask_create();
	if (!other) {
		bpf_cpumask_release(set);
		return 0;
	}
	two(set, other);
	bpf_cpumask_release(other);
	again = bpf_cpumask_acquire(set);
	bpf_cpumask_release(set);
	holds(30, bpf_cpumask_first(MASK(again)) == 0);
	bpf_cpumask_release(again);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
