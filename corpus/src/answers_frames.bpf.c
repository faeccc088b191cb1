// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Frames: moved, cut, read and written at any offset, and every error on the way.
 */
#include "answers.h"

#define LOAD(offset, len)                                                 \
	({                                                                \
		u8 to[16] = { 7, 7, 7, 7 };                               \
		ANSWER(bpf_xdp_load_bytes(ctx, offset, to, len));         \
		ANSWER(SUM(to));                                          \
	})

#define STORE(offset, len)                                                \
	({                                                                \
		u8 from[16] = { 1, 2, 3, 4 };                             \
		ANSWER(bpf_xdp_store_bytes(ctx, offset, from, len));      \
	})

SEC("xdp")
int answers_bytes_of_frame(struct xdp_md *ctx)
{
	u64 len = bpf_xdp_get_buff_len(ctx);

	ANSWER(len);
	ANSWER(len == (u64)(DATA_END(ctx) - DATA(ctx)));
	LOAD(0, 1);
	LOAD(12, 2);
	LOAD(2, 12);
	LOAD(len - 4, 4);
	LOAD(len - 3, 4);
	LOAD(len, 1);
	LOAD(0xffff, 1);
	LOAD(0x10000, 1);
	LOAD(0xffffffff, 1);
	STORE(0, 4);
	STORE(len - 1, 1);
	STORE(len - 1, 2);
	STORE(len, 1);
	STORE(0x10000, 1);
	STORE(0xffffffff, 16);
	return XDP_PASS;
}

SEC("xdp")
int answers_head(struct xdp_md *ctx)
{
	ANSWER(bpf_xdp_adjust_head(ctx, -32));
	ANSWER(bpf_xdp_get_buff_len(ctx));
	ANSWER(bpf_xdp_adjust_head(ctx, -1024));
	ANSWER(bpf_xdp_adjust_head(ctx, 32));
	ANSWER(bpf_xdp_adjust_head(ctx, 0x7fff));
	ANSWER(bpf_xdp_adjust_head(ctx, -0x7fffffff));
	ANSWER(bpf_xdp_adjust_head(ctx, bpf_xdp_get_buff_len(ctx) - 14));
	ANSWER(bpf_xdp_get_buff_len(ctx));
	ANSWER(bpf_xdp_adjust_head(ctx, 1));
	ANSWER(bpf_xdp_adjust_head(ctx, 0));
	return XDP_PASS;
}

/* What is noted before a frame moves with its head, while there is room. */
SEC("xdp")
int answers_note(struct xdp_md *ctx)
{
	ANSWER(bpf_xdp_adjust_meta(ctx, -4));
	ANSWER(bpf_xdp_adjust_meta(ctx, -3));
	ANSWER(bpf_xdp_adjust_meta(ctx, 8));
	ANSWER(bpf_xdp_adjust_meta(ctx, -252));
	ANSWER(bpf_xdp_adjust_meta(ctx, -248));
	ANSWER(bpf_xdp_adjust_head(ctx, -4));
	ANSWER(bpf_xdp_adjust_meta(ctx, 252));
	ANSWER(bpf_xdp_adjust_head(ctx, -4));
	ANSWER(bpf_xdp_adjust_meta(ctx, -8));
	ANSWER(bpf_xdp_adjust_head(ctx, 4));
	return XDP_PASS;
}

SEC("xdp")
int answers_tail(struct xdp_md *ctx)
{
	ANSWER(bpf_xdp_adjust_tail(ctx, -1));
	ANSWER(bpf_xdp_get_buff_len(ctx));
	ANSWER(bpf_xdp_adjust_tail(ctx, 8));
	ANSWER(bpf_xdp_get_buff_len(ctx));
	ANSWER(bpf_xdp_adjust_tail(ctx, -0x7fff));
	ANSWER(bpf_xdp_adjust_tail(ctx, 4096));
	ANSWER(bpf_xdp_adjust_tail(ctx, 14 - (int)bpf_xdp_get_buff_len(ctx)));
	ANSWER(bpf_xdp_get_buff_len(ctx));
	ANSWER(bpf_xdp_adjust_tail(ctx, -1));
	return XDP_PASS;
}

#define DIFFERENCE(from_size, to_size, seed)                              \
	({                                                                \
		u8 from[16] = { 1, 2, 3, 4, 250, 251, 252, 253 };         \
		u8 to[16] = { 9, 8, 7, 6, 5, 4, 3, 2 };                   \
		ANSWER(bpf_csum_diff(from, from_size, to, to_size, seed)); \
	})

SEC("xdp")
int answers_sums(struct xdp_md *ctx)
{
	DIFFERENCE(4, 4, 0);
	DIFFERENCE(8, 8, 0);
	DIFFERENCE(0, 8, 0);
	DIFFERENCE(8, 0, 0);
	DIFFERENCE(8, 4, 7);
	DIFFERENCE(4, 8, 0xffffffff);
	DIFFERENCE(0, 0, 5);
	DIFFERENCE(3, 4, 0);
	DIFFERENCE(4, 2, 0);
	DIFFERENCE(16, 16, 0x10000);
	return XDP_PASS;
}

SEC("xdp")
int answers_way_of_frame(struct xdp_md *ctx)
{
	ANSWER(bpf_redirect(1, 0));
	ANSWER(bpf_redirect(0, 0));
	ANSWER(bpf_redirect(99, 0));
	ANSWER(bpf_redirect(1, 1));
	ANSWER(bpf_redirect(1, 1ULL << 40));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
