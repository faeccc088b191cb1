// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Samples from user space: a user ring buffer goes the other way than a ring buffer. The program asks
 * for what has come, and is called back with a dynptr to each sample.
 *
 * A callback that returns 1 takes its sample and stops: the rest stays for the next time.
 */
#include "dynptr.h"

#define BPF_MAP_TYPE_USER_RINGBUF 31

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

static long (*const bpf_user_ringbuf_drain)(void *ring, void *callback, void *callback_ctx,
					    u64 flags) = (void *)209;

struct sums {
	s64 numbers;
	s64 bytes;
	s64 short_ones;
};

static long add(struct bpf_dynptr *sample, struct sums *sums)
{
	u32 number = 0;
	u32 *part;

	sums->bytes += bpf_dynptr_size(sample);
	if (bpf_dynptr_read(&number, sizeof(number), sample, 0, 0)) {
		sums->short_ones++;
		return 0;
	}
	/* The sample is the program's while it has it. */
	part = bpf_dynptr_data(sample, 0, sizeof(*part));
	if (part)
		*part += 1;
	sums->numbers += part ? *part : 0;
	return number == 0;
}

SEC("xdp")
int user_ring(struct xdp_md *ctx)
{
	struct sums sums = {};

	answer(0, bpf_user_ringbuf_drain(&samples, add, &sums, 4)); /* -EINVAL: flags */
	answer(1, bpf_user_ringbuf_drain(&samples, add, &sums, 0));
	answer(2, sums.numbers);
	answer(3, sums.bytes);
	answer(4, sums.short_ones);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
