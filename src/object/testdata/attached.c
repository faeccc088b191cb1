/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that replace functions of `target.c`, and that trace them. */
#include "defs.h"

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct __sk_buff {
	u32 len;
};
struct xdp_buff {
	void *data;
	void *data_end;
} CORE;

u64 replaced;
u64 seen;

static NOINLINE int by_three(u32 port)
{
	asm volatile("" : "+r"(port));
	return port % 3;
}

SEC("freplace/decide") int new_decide(struct xdp_md *ctx, int port)
{
	u32 queue = ctx->rx_queue_index;

	__sync_fetch_and_add(&replaced, 1 + (queue & 0));
	return by_three(port) == 2 ? 3 : 0;
}

SEC("?freplace/filter") int new_filter(struct xdp_md *ctx)
{
	return 4;
}

SEC("?freplace/decide") int fewer_arguments(struct xdp_md *ctx)
{
	return 1;
}

SEC("?freplace/decide") int other_context(struct __sk_buff *ctx, int port)
{
	return 1;
}

SEC("?freplace/decide") int larger_argument(struct xdp_md *ctx, long port)
{
	return 1;
}

SEC("?freplace/decide") int pointer_argument(struct xdp_md *ctx, int *port)
{
	return 1;
}

SEC("?freplace/decide") void no_result(struct xdp_md *ctx, int port)
{
}

SEC("?freplace/twice") int of_static(int number)
{
	return 1;
}

SEC("?freplace/decide") int reads_beyond(struct xdp_md *ctx, int port)
{
	return *(u32 *)((char *)ctx + 24);
}

SEC("?freplace/nothing") int of_nothing(struct xdp_md *ctx)
{
	return 1;
}

SEC("?fentry/decide") int entered(u64 *args)
{
	struct xdp_buff *buffer = (void *)args[0];

	seen = buffer->data == buffer->data_end && args[1] == 80;
	return 0;
}

SEC("?fentry/twice") int entered_static(u64 *args)
{
	seen = args[0];
	return 0;
}

SEC("?fentry/decide") int third_argument(u64 *args)
{
	seen = args[2];
	return 0;
}

SEC("?fexit/decide") int left(u64 *args)
{
	seen = args[2];
	return 0;
}

SEC("?fexit/decide") int fourth_argument(u64 *args)
{
	seen = args[3];
	return 0;
}

SEC("?fentry/decide") int half_pointer(u64 *args)
{
	seen = *(volatile u32 *)args;
	return 0;
}

SEC("?fmod_ret/decide") int modified(u64 *args)
{
	return 0;
}
