// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Dynptrs to a map's value, to a ring buffer's record and to packets: what they answer when they are used
 * as they should be, and every error. All answers go into an array.
 */
#include "dynptr.h"

static long (*const bpf_skb_change_tail)(void *skb, u32 len, u64 flags) = (void *)38;
static long (*const bpf_xdp_adjust_tail)(void *xdp, int delta) = (void *)65;

struct value {
	u8 bytes[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* What is read at an offset, as a number. */
static __always_inline s64 number_at(const struct bpf_dynptr *ptr, u32 offset)
{
	u32 number = 0;

	bpf_dynptr_read(&number, sizeof(number), ptr, offset, 0);
	return number;
}

/* What lies in place at an offset; 0 if nothing does. */
static __always_inline s64 in_place(const struct bpf_dynptr *ptr, u32 offset, void *buffer)
{
	u32 *number = bpf_dynptr_slice(ptr, offset, buffer, sizeof(*number));

	return number ? *number : 0;
}

/* A dynptr to memory, narrowed and cloned. */
SEC("xdp")
int dynptr_of_value(struct xdp_md *ctx)
{
	struct bpf_dynptr ptr, none, clone;
	u32 zero = 0, number = 0x64636261;
	struct value *value = bpf_map_lookup_elem(&values, &zero);
	u32 *part;

	if (!value)
		return XDP_DROP;
	answer(0, bpf_dynptr_from_mem(value, sizeof(*value), 1, &none)); /* -EINVAL: flags */
	answer(1, bpf_dynptr_is_null(&none));
	answer(2, bpf_dynptr_size(&none)); /* -EINVAL, in 32 bits */
	answer(3, bpf_dynptr_adjust(&none, 0, 0)); /* -EINVAL */
	answer(4, bpf_dynptr_clone(&none, &clone)); /* -EINVAL */
	answer(5, bpf_dynptr_is_null(&clone));

	answer(6, bpf_dynptr_from_mem(value, sizeof(*value), 0, &ptr));
	answer(7, bpf_dynptr_write(&ptr, 4, &number, sizeof(number), 0));
	answer(8, bpf_dynptr_write(&ptr, 13, &number, sizeof(number), 0)); /* -E2BIG */
	answer(9, bpf_dynptr_write(&ptr, 4, &number, sizeof(number), 1)); /* -EINVAL */
	answer(10, number_at(&ptr, 5));
	answer(11, bpf_dynptr_read(&number, sizeof(number), &ptr, 13, 0)); /* -E2BIG */
	answer(12, bpf_dynptr_read(&number, sizeof(number), &ptr, 0, 1)); /* -EINVAL */
	answer(13, bpf_dynptr_adjust(&ptr, 3, 2)); /* -EINVAL: backwards */
	answer(14, bpf_dynptr_adjust(&ptr, 0, 17)); /* -ERANGE */
	answer(15, bpf_dynptr_adjust(&ptr, 2, 12));
	answer(16, bpf_dynptr_size(&ptr));
	answer(17, number_at(&ptr, 2));
	answer(18, in_place(&ptr, 3, NULL));
	answer(19, in_place(&ptr, 7, NULL)); /* nothing there */
	part = bpf_dynptr_data(&ptr, 6, sizeof(*part));
	if (part)
		*part = 7;
	answer(20, number_at(&ptr, 6));
	part = bpf_dynptr_data(&ptr, 7, sizeof(*part));
	answer(21, part != NULL);
	answer(22, bpf_dynptr_clone(&ptr, &clone));
	answer(23, bpf_dynptr_adjust(&clone, 10, 10));
	answer(24, bpf_dynptr_size(&clone));
	answer(25, bpf_dynptr_size(&ptr));
	answer(26, bpf_dynptr_is_rdonly(&ptr));
	return XDP_PASS;
}

/* A record of a ring buffer: even one that there was no room for must be given back. */
SEC("xdp")
int dynptr_of_record(struct xdp_md *ctx)
{
	struct bpf_dynptr ptr;
	u32 number = 0x64636261;

	answer(27, bpf_ringbuf_reserve_dynptr(&ring, 8, 1, &ptr)); /* -EINVAL: flags */
	bpf_ringbuf_discard_dynptr(&ptr, 0);
	answer(28, bpf_ringbuf_reserve_dynptr(&ring, 8192, 0, &ptr)); /* -EINVAL: too large */
	bpf_ringbuf_discard_dynptr(&ptr, 0);
	answer(29, bpf_ringbuf_reserve_dynptr(&ring, 8, 0, &ptr));
	bpf_dynptr_write(&ptr, 0, &number, sizeof(number), 0);
	bpf_dynptr_write(&ptr, 4, &number, sizeof(number), 0);
	bpf_ringbuf_submit_dynptr(&ptr, 0);
	return XDP_PASS;
}

/* A packet as an XDP program has it; at the end it shrinks under the dynptr. */
SEC("xdp")
int dynptr_of_xdp(struct xdp_md *ctx)
{
	struct bpf_dynptr ptr;
	u32 number = 0x64636261, buffer = 0x7a7a7a7a, size;
	u32 *part;

	answer(30, bpf_dynptr_from_xdp(ctx, 1, &ptr)); /* -EINVAL */
	bpf_dynptr_from_xdp(ctx, 0, &ptr);
	size = bpf_dynptr_size(&ptr);
	answer(31, size);
	answer(32, bpf_dynptr_write(&ptr, 6, &number, sizeof(number), 1)); /* -EINVAL */
	answer(33, bpf_dynptr_write(&ptr, 6, &number, sizeof(number), 0));
	answer(34, number_at(&ptr, 7));
	part = bpf_dynptr_slice_rdwr(&ptr, 0, NULL, sizeof(*part));
	if (part)
		*part = 0x31313131;
	answer(35, in_place(&ptr, 2, NULL));
	answer(36, in_place(&ptr, size - 3, NULL)); /* nothing there */
	bpf_xdp_adjust_tail(ctx, -2);
	answer(37, bpf_dynptr_read(&number, sizeof(number), &ptr, size - 4, 0)); /* -EINVAL */
	answer(38, bpf_dynptr_write(&ptr, size - 4, &number, sizeof(number), 0)); /* -EINVAL */
	answer(39, in_place(&ptr, size - 4, NULL));
	answer(40, in_place(&ptr, size - 4, &buffer)); /* what is left, and the buffer's rest */
	return XDP_PASS;
}

/* The same of a socket buffer. */
SEC("tc")
int dynptr_of_skb(struct __sk_buff *ctx)
{
	struct bpf_dynptr ptr;
	u32 number = 0x64636261, buffer = 0x7a7a7a7a, size;
	u32 *part;

	answer(41, bpf_dynptr_from_skb(ctx, 1, &ptr)); /* -EINVAL */
	bpf_dynptr_from_skb(ctx, 0, &ptr);
	size = bpf_dynptr_size(&ptr);
	answer(42, size);
	answer(43, bpf_dynptr_write(&ptr, 6, &number, sizeof(number), 4)); /* -EINVAL */
	answer(44, bpf_dynptr_write(&ptr, 6, &number, sizeof(number), 1));
	answer(45, number_at(&ptr, 7));
	part = bpf_dynptr_slice_rdwr(&ptr, 0, &buffer, sizeof(*part));
	if (part)
		*part = 0x31313131;
	answer(46, in_place(&ptr, 2, NULL));
	answer(47, in_place(&ptr, size - 3, &buffer)); /* nothing there */
	part = bpf_dynptr_data(&ptr, 0, sizeof(*part));
	answer(48, part != NULL); /* not of a packet */
	bpf_skb_change_tail(ctx, size - 2, 0);
	answer(49, bpf_dynptr_read(&number, sizeof(number), &ptr, size - 4, 0)); /* -EFAULT */
	answer(50, number);
	answer(51, bpf_dynptr_write(&ptr, size - 4, &number, sizeof(number), 0)); /* -EFAULT */
	answer(52, in_place(&ptr, size - 4, &buffer));
	return TC_ACT_OK;
}

/* A program that may not write to packets has one that it may not write. */
SEC("socket")
int dynptr_read_only(struct __sk_buff *ctx)
{
	struct bpf_dynptr ptr;
	u32 number = 0;

	answer(53, bpf_dynptr_from_skb(ctx, 0, &ptr));
	answer(54, bpf_dynptr_is_rdonly(&ptr));
	answer(55, bpf_dynptr_write(&ptr, 0, &number, sizeof(number), 0)); /* -EINVAL */
	answer(56, number_at(&ptr, 0));
	answer(57, in_place(&ptr, 1, NULL));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
