/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A structure of functions with one that Linux does not have. */
#include "defs.h"

struct tcp_congestion_ops {
	u32 (*not_in_the_kernel)(void *sk);
	char name[16];
};

SEC("struct_ops") u32 left_out(u64 *ctx)
{
	return 0;
}

SEC(".struct_ops") struct tcp_congestion_ops table = {
	.not_in_the_kernel = (void *)left_out,
	.name = "table",
};
