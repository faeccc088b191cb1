// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Refused: an LSM program returns 1. The kernel takes the answer for an errno, and only 0
 * and -4095 to -1 are ones.
 * To mend it: `return -1;` (EPERM) to deny.
 */
#include "kernel.h"
#include "trace.h"

SEC("lsm/bprm_check_security")
int TYPED_PROG2(reject_return_value, struct linux_binprm *, bprm, int, previous)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
