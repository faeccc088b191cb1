/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs at functions of the kernel and of a module. */
#include "defs.h"

SEC("fentry/no_such_kfunc") int anywhere(u64 *args)
{
	return 0;
}

SEC("fentry/module:no_such_kfunc") int in_module(u64 *args)
{
	return 0;
}

SEC("fentry/vmlinux:no_such_kfunc") int in_kernel(u64 *args)
{
	return 0;
}

SEC("fentry/vmlinux:bpf_fentry_test1") int of_kernel(u64 *args)
{
	return 0;
}
