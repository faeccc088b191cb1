/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Parts of the kernel's own structures, with only the members this corpus reads.
 *
 * The offsets here are wrong for any real kernel, and need not be right: the attribute makes
 * clang record each access by name (a CO-RE relocation), and the loader puts in the offset
 * that the running kernel's BTF gives.
 */
#pragma once
#include "ebpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct task_struct {
	s32 pid;
	s32 tgid;
	struct task_struct *real_parent;
	struct cred *cred;
	char comm[16];
};

struct linux_binprm {
	struct cred *cred;
	const char *filename;
};

#pragma clang attribute pop

/* Reads one member of a kernel structure through a pointer that the verifier knows nothing
 * about. The copy is done by a helper, which survives a bad address. */
#define READ_KERNEL(pointer, member)                                      \
	({                                                                \
		typeof((pointer)->member) value;                          \
		bpf_probe_read_kernel(&value, sizeof(value), &(pointer)->member); \
		value;                                                    \
	})
