// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Exceptions: bpf_throw() ends the program at once, from however deep within. The cookie that
 * it is given is the program's result, or what the function makes of it that a tag names.
 *
 * Nothing is cleaned up on the way: a program that throws must hold nothing. Each program here
 * ends with -1 (TC_ACT_UNSPEC), so that the next one runs, too.
 */
#include "kfuncs.h"
#include "net.h"

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

extern void bpf_throw(u64 cookie) __ksym;

/* Throws how much longer the packet is, less 28. */
static __noinline int shorter(struct __sk_buff *skb, u32 limit)
{
	if (skb->len > limit)
		bpf_throw((u64)skb->len - limit - 28);
	return skb->len;
}

static __noinline int nested(struct __sk_buff *skb, u32 limit)
{
	int len = shorter(skb, limit);

	return len * 2;
}

/* Calls the one above, so that an exception has three functions to end. */
__noinline int deeper(struct __sk_buff *skb)
{
	int len = nested(skb, 20);

	answer(0, len); /* never, for a packet with an IP header */
	return len * 2;
}

SEC("tc")
int thrown(struct __sk_buff *skb)
{
	return deeper(skb) + 1000;
}

SEC("tc")
int not_thrown(struct __sk_buff *skb)
{
	answer(4, nested(skb, 65535));
	return -1;
}

__noinline int decide(u64 cookie)
{
	answer(1, cookie);
	return cookie + 20;
}

SEC("tc")
__exception_cb(decide)
int decided(struct __sk_buff *skb)
{
	int i, sum = 0;

	for (i = 0; i < 4; i++)
		sum += nested(skb, 40 - i);
	return sum;
}

__noinline int decide_otherwise(u64 cookie)
{
	answer(2, cookie);
	return cookie + 7;
}

/* Another program, entered by a tail call: it ends, and its caller goes on. */
SEC("tc")
__exception_cb(decide_otherwise)
int called(struct __sk_buff *skb)
{
	return nested(skb, 30);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__array(values, int(struct __sk_buff *));
} programs SEC(".maps") = {
	.values = { [0] = &called },
};

static __noinline int call(struct __sk_buff *skb)
{
	volatile int failed = 1000;

	bpf_tail_call(skb, &programs, 0);
	return failed;
}

SEC("tc")
int calling(struct __sk_buff *skb)
{
	answer(3, call(skb));
	return -1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
