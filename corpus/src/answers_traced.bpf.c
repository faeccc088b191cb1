// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What programs at a function's entry and return learn of it: its arguments, its result, its address. These are the
 * functions that a kernel's test runs call.
 */
#include "answers.h"

static u64 (*const bpf_get_func_ip)(void *ctx) = (void *)173;
static u64 (*const bpf_get_attach_cookie)(void *ctx) = (void *)174;
static long (*const bpf_get_func_arg)(void *ctx, u32 index, u64 *to) = (void *)183;
static long (*const bpf_get_func_ret)(void *ctx, u64 *to) = (void *)184;
static u64 (*const bpf_get_func_arg_cnt)(void *ctx) = (void *)185;

#define ARGUMENT(index)                                                   \
	({                                                                \
		u64 got = 7;                                              \
		ANSWER(bpf_get_func_arg(ctx, index, &got));               \
		ANSWER(got);                                              \
	})

#define RESULT()                                                          \
	({                                                                \
		u64 got = 7;                                              \
		ANSWER(bpf_get_func_ret(ctx, &got));                      \
		ANSWER(got);                                              \
	})

SEC("fentry/bpf_fentry_test1")
int answers_entry_of_one(u64 *ctx)
{
	ANSWER(bpf_get_func_arg_cnt(ctx));
	ARGUMENT(0);
	ARGUMENT(1);
	RESULT();
	ANSWER(bpf_get_attach_cookie(ctx));
	ANSWER(bpf_get_func_ip(ctx) != 0);
	ANSWER(bpf_get_func_ip(ctx) == bpf_get_func_ip(ctx));
	ANSWER((s32)ctx[0]);
	return 0;
}

SEC("fentry/bpf_fentry_test6")
int answers_entry_of_six(u64 *ctx)
{
	ANSWER(bpf_get_func_arg_cnt(ctx));
	ARGUMENT(0);
	ARGUMENT(1);
	ARGUMENT(2);
	ARGUMENT(3);
	ARGUMENT(4);
	ARGUMENT(5);
	ARGUMENT(6);
	ARGUMENT(-1);
	RESULT();
	return 0;
}

SEC("fexit/bpf_fentry_test3")
int answers_return_of_three(u64 *ctx)
{
	ANSWER(bpf_get_func_arg_cnt(ctx));
	ARGUMENT(0);
	ARGUMENT(2);
	ARGUMENT(3);
	RESULT();
	ANSWER(bpf_get_attach_cookie(ctx));
	ANSWER((s32)ctx[3]);
	return 0;
}

SEC("fexit/bpf_fentry_test4")
int answers_return_of_four(u64 *ctx)
{
	ARGUMENT(1);
	ARGUMENT(3);
	RESULT();
	return 0;
}

SEC("fexit/bpf_fentry_test5")
int answers_return_of_five(u64 *ctx)
{
	ARGUMENT(2);
	ARGUMENT(4);
	RESULT();
	return 0;
}

SEC("fexit/bpf_fentry_test2")
int answers_return_of_two(u64 *ctx)
{
	ARGUMENT(0);
	ARGUMENT(1);
	RESULT();
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
