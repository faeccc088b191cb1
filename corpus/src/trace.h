/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The contexts of tracing programs: what the kernel hands to a program on a kprobe, a
 * tracepoint, a raw tracepoint, and on hooks with typed (BTF) arguments. x86-64 only.
 */
#pragma once
#include "ebpf.h"

/* The numbers of a few system calls on x86-64. */
#define NR_read 0
#define NR_write 1
#define NR_execve 59
#define NR_openat 257

/* kprobe: the saved registers. A called function finds its arguments in di, si, dx, cx, r8
 * and r9 and leaves its result in ax. */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

/* Every tracepoint record begins with these eight bytes, which programs may not read. */
struct trace_entry {
	u16 type;
	u8 flags;
	u8 preempt_count;
	s32 pid;
};

/* tracepoint/syscalls/sys_enter_execve */
struct sys_enter_execve {
	struct trace_entry common;
	s64 nr;
	const char *filename;
	const char *const *argv;
	const char *const *envp;
};

/* tracepoint/sched/sched_process_exec; the string itself follows the record. */
struct sched_process_exec {
	struct trace_entry common;
	u32 filename_location; /* low half: offset from the record; high half: length */
	s32 pid;
	s32 old_pid;
};

/* raw_tracepoint/sys_enter: the tracepoint's own arguments, not converted to a record. */
struct raw_sys_enter {
	u64 regs; /* address of a struct pt_regs in the kernel */
	u64 nr;
};

/* A program with typed arguments gets an array of 64-bit words, and the verifier knows from
 * the kernel's BTF what each of them is. These macros give the words names and types:
 *
 *     SEC("lsm/bprm_check_security")
 *     int TYPED_PROG2(deny, struct linux_binprm *, bprm, int, previous) { ... }
 */
#define TYPED_PROG1(name, type0, arg0)                                    \
	name(u64 *ctx);                                                   \
	static __always_inline int name##_body(u64 *ctx, type0 arg0);     \
	int name(u64 *ctx)                                                \
	{                                                                 \
		return name##_body(ctx, (type0)ctx[0]);                   \
	}                                                                 \
	static __always_inline int name##_body(u64 *ctx, type0 arg0)

#define TYPED_PROG2(name, type0, arg0, type1, arg1)                       \
	name(u64 *ctx);                                                   \
	static __always_inline int name##_body(u64 *ctx, type0 arg0, type1 arg1); \
	int name(u64 *ctx)                                                \
	{                                                                 \
		return name##_body(ctx, (type0)ctx[0], (type1)ctx[1]);    \
	}                                                                 \
	static __always_inline int name##_body(u64 *ctx, type0 arg0, type1 arg1)

#define TYPED_PROG3(name, type0, arg0, type1, arg1, type2, arg2)          \
	name(u64 *ctx);                                                   \
	static __always_inline int name##_body(u64 *ctx, type0 arg0, type1 arg1, type2 arg2); \
	int name(u64 *ctx)                                                \
	{                                                                 \
		return name##_body(ctx, (type0)ctx[0], (type1)ctx[1], (type2)ctx[2]); \
	}                                                                 \
	static __always_inline int name##_body(u64 *ctx, type0 arg0, type1 arg1, type2 arg2)
