/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a kernel function answers may hang on the machine. Here a program says what must hold
 * on any: the map has an entry for each number of which it does, and none for the others.
 */
#pragma once
#include "kernel.h"
#include "kfuncs.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u32);
} right SEC(".maps");

static __always_inline void holds(u32 number, bool condition)
{
	if (condition)
		bpf_map_update_elem(&right, &number, &number, BPF_ANY);
}
