// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Texts: numbers parsed, texts compared and printed, and every error on the way.
 */
#include "answers.h"

static const char letters[] = "abc";

#define SIGNED(text, base)                                                \
	({                                                                \
		char number[] = text;                                     \
		long parsed = -7;                                         \
		ANSWER(bpf_strtol(number, sizeof(number) - 1, base, &parsed)); \
		ANSWER(parsed);                                           \
	})

#define UNSIGNED(text, base)                                              \
	({                                                                \
		char number[] = text;                                     \
		unsigned long parsed = 7;                                 \
		ANSWER(bpf_strtoul(number, sizeof(number) - 1, base, &parsed)); \
		ANSWER(parsed);                                           \
	})

#define COMPARE(text, size)                                               \
	({                                                                \
		char other[4] = text;                                     \
		ANSWER(bpf_strncmp(other, size, letters));                \
	})

SEC("syscall")
int answers_signed(void *ctx)
{
	SIGNED("12", 0);
	SIGNED("-12", 10);
	SIGNED(" \t\n12", 0);
	SIGNED("+12", 0);
	SIGNED("- 12", 0);
	SIGNED("0x1f", 0);
	SIGNED("0x", 0);
	SIGNED("0x", 16);
	SIGNED("0xg", 16);
	SIGNED("1f", 16);
	SIGNED("017", 0);
	SIGNED("08", 0);
	SIGNED("19", 8);
	SIGNED("12", 2);
	SIGNED("12", 32);
	SIGNED("12", 1ULL << 40);
	SIGNED("x", 0);
	SIGNED(" ", 0);
	SIGNED("12x", 0);
	SIGNED("9223372036854775807", 0);
	SIGNED("9223372036854775808", 0);
	SIGNED("-9223372036854775808", 0);
	SIGNED("-9223372036854775809", 0);
	SIGNED("0000000000000000000000000000000000000000000000000000000000000000012", 10);
	SIGNED("1\00012", 10);
	SIGNED("-", 0);
	SIGNED("-0", 0);
	return 0;
}

SEC("syscall")
int answers_unsigned(void *ctx)
{
	UNSIGNED("12", 0);
	UNSIGNED("-12", 10);
	UNSIGNED("-0", 10);
	UNSIGNED("+12", 0);
	UNSIGNED("0XfF", 0);
	UNSIGNED("18446744073709551615", 0);
	UNSIGNED("18446744073709551616", 0);
	UNSIGNED("0xffffffffffffffff", 0);
	UNSIGNED("0x10000000000000000", 0);
	UNSIGNED("7", 7);
	UNSIGNED("\x0b" "7", 0);
	UNSIGNED("\xa0" "7", 0);
	UNSIGNED("99999999999999999999 ", 0);
	return 0;
}

SEC("syscall")
int answers_compared(void *ctx)
{
	COMPARE("abc", 4);
	COMPARE("abd", 4);
	COMPARE("abb", 4);
	COMPARE("abd", 2);
	COMPARE("ab", 4);
	COMPARE("ab", 2);
	COMPARE("\xff", 4);
	COMPARE("", 1);
	return 0;
}

/* What is printed is compared too. */
SEC("syscall")
int answers_printed(void *ctx)
{
	static const char with_numbers[] = "%d %u %llx %s%%";
	static const char too_many[] = "%d %d %d %d";
	static const char unknown[] = "%y";
	static const char unfinished[] = "%";
	static const char plain[] = "plain";
	u64 args[4] = { 1, 2, 3, (u64)letters };

	ANSWER(bpf_trace_vprintk(with_numbers, sizeof(with_numbers), args, 32));
	ANSWER(bpf_trace_vprintk(with_numbers, sizeof(with_numbers), args, 24));
	ANSWER(bpf_trace_vprintk(with_numbers, sizeof(with_numbers), args, 31));
	ANSWER(bpf_trace_vprintk(plain, sizeof(plain), NULL, 0));
	ANSWER(bpf_trace_vprintk(plain, sizeof(plain) - 1, NULL, 0));
	ANSWER(bpf_trace_vprintk(plain, sizeof(plain), args, 8));
	ANSWER(bpf_trace_vprintk(unknown, sizeof(unknown), args, 8));
	ANSWER(bpf_trace_vprintk(unfinished, sizeof(unfinished), args, 8));
	ANSWER(bpf_trace_printk(with_numbers, sizeof(with_numbers), 1, 2, 3));
	ANSWER(bpf_trace_printk(too_many, sizeof(too_many), 1, 2, 3));
	ANSWER(bpf_trace_printk(unknown, sizeof(unknown), 1));
	ANSWER(bpf_trace_printk(plain, sizeof(plain)));
	ANSWER(bpf_trace_printk(plain, 3));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
