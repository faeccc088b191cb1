// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: a typed pointer is followed to a place outside the structure it points to.
 * To mend it: name the member, and let CO-RE put in the offset (see kernel.h).
 */
#include "kernel.h"
#include "trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(reject_struct_bounds, struct task_struct *, task)
{
	return *(volatile u32 *)((char *)task + 0x7000) & 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
