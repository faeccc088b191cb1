// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Text from formats: how long it is, and where arguments have no room. Every answer goes into an
 * array, to be read there, and to be compared with a kernel's.
 */
#include "net.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 48);
	__type(key, u32);
	__type(value, s64);
} answers SEC(".maps");

struct printed {
	char text[32];
	s64 answer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, struct printed);
} texts SEC(".maps");

static __always_inline void answer(u32 index, s64 value)
{
	bpf_map_update_elem(&answers, &index, &value, BPF_ANY);
}

static long (*const bpf_snprintf)(char *, u32, const char *, const void *, u32) = (void *)165;

/* Longer than all that one call may copy. */
char longer[600];
char half[300];
char text[8];

/* An address that the compiler does not know: constants it would put where no loader finds them. */
static __always_inline u64 at(void *to)
{
	asm volatile("" : "+r"(to));
	return (u64)to;
}

/* What a format makes of up to twelve arguments: how long it is, and how it begins. */
#define FORMAT(index, format, ...)                                                      \
	({                                                                              \
		static const char constant[] = format;                                  \
		u64 data[] = { __VA_ARGS__ };                                           \
		answer(index, bpf_snprintf(text, sizeof(text), constant, data, sizeof(data))); \
	})

#define PRINT(index, format, args...)                                                   \
	({                                                                              \
		static const char constant[] = format;                                  \
		answer(index, bpf_trace_printk(constant, sizeof(constant), ##args));    \
	})

/* What a format makes of one argument, all of it. */
#define TEXT(at, format, argument)                                                      \
	({                                                                              \
		static const char constant[] = format;                                  \
		u64 data[] = { argument };                                              \
		u32 index = at;                                                         \
		struct printed *printed = bpf_map_lookup_elem(&texts, &index);          \
		if (printed)                                                            \
			printed->answer = bpf_snprintf(printed->text, sizeof(printed->text), \
						       constant, data, sizeof(data));   \
	})

SEC("xdp")
int lengths(struct xdp_md *ctx)
{
	FORMAT(0, "%d", 7);
	FORMAT(1, "%1023d", 7);
	FORMAT(2, "%2000d", 7);
	FORMAT(3, "%-2000s|", at(half));
	FORMAT(4, "%0100000x", 7);
	FORMAT(5, "%30000p", 7);
	FORMAT(6, "%2000c%2000c", 'a', 'b');
	FORMAT(7, "%5000pks", at(half));
	PRINT(8, "%2000d", 7);
	PRINT(9, "%2000s%2000d", half, 7);
	PRINT(10, "%d\xc3\xa9", 7);
	PRINT(11, "%s\xa7", half);
	PRINT(12, "%s\xe9", half);
	FORMAT(13, "%pK\xe9|%d", 7, 7);
	FORMAT(15, "%5d%pI4%d", 7, at(half), 123456);
	PRINT(14, "%d\x7f", 7);
	return XDP_PASS;
}

SEC("xdp")
int room(struct xdp_md *ctx)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < 600; i++)
		longer[i] = 'l';
#pragma clang loop unroll(disable)
	for (int i = 0; i < 299; i++)
		half[i] = 'h';
	FORMAT(16, "%s", at(longer));
	FORMAT(17, "%s", at(half));
	FORMAT(18, "%s%s", at(half), at(half));
	FORMAT(19, "%s%s%d", at(half), at(half), 7);
	FORMAT(20, "%s%c", at(longer), 'c');
	FORMAT(21, "%s%d", at(longer), 7);
	FORMAT(22, "%d%s%s", 7, at(half), at(half));
	FORMAT(23, "%s%s%s", at(half), at(half), 0);
	FORMAT(24, "%s%s%p", at(half), at(half), 7);
	FORMAT(25, "%s%s%pI4", at(half), at(half), at(half));
	FORMAT(26, "%pI4%pI6%s", at(half), at(half), at(longer));
	FORMAT(27, "%pi4%pi6%s", at(half), at(half), at(longer));
	FORMAT(28, "%c%ld%c%s", 1, 2, 3, at(longer));
	FORMAT(29, "%ps%px%s", 1, 2, at(longer));
	FORMAT(30, "%s%s", at(longer + 112), at(longer + 510));
	FORMAT(31, "%s%pks%pus", at(half + 280), at(half + 280), at(half + 280));
	PRINT(32, "%s%s", half, half);
	PRINT(33, "%s%s%d", half, half, 7);
	PRINT(34, "%s%s%ld", longer, half, 7);
	PRINT(35, "%c%s%s", 'c', half, longer);
	PRINT(36, "%5s%-700s|", half + 297, half);
	return XDP_PASS;
}

SEC("xdp")
int addresses(struct xdp_md *ctx)
{
	TEXT(0, "%px|", 255);
	TEXT(1, "%5px|", 255);
	TEXT(2, "%20px|", 255);
	TEXT(3, "%-20px|", 255);
	TEXT(4, "%020px|", 255);
	TEXT(5, "%-020px|", 255);
	TEXT(6, "%0-5px|", 255);
	TEXT(7, "%-px|", 255);
	TEXT(8, "%0px|", 255);
	TEXT(9, "%p|", 0);
	TEXT(10, "%5p|", 0);
	TEXT(11, "%20p|", 0);
	TEXT(12, "%-20p|", 0);
	TEXT(13, "%020p|", 0);
	TEXT(14, "%1px|", 0x12345);
	TEXT(15, "%+px|", 255);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
