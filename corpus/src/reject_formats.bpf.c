// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Formats of bpf_snprintf, which is judged with the program: conversions that programs are not
 * granted, and more of them than there are arguments. Those called accepted_… are right.
 */
#include "net.h"

static long (*const bpf_snprintf)(char *, u32, const char *, const void *, u32) = (void *)165;

char text[8];

/* A format that is judged, in a program of its own, since a program is refused as a whole. */
#define JUDGED(name, format, len)                                                      \
	SEC("xdp")                                                                      \
	int name(struct xdp_md *ctx)                                                    \
	{                                                                               \
		static const char constant[] = format;                                  \
		u64 data[13] = {};                                                      \
                                                                                        \
		return bpf_snprintf(text, sizeof(text), constant, data, len);           \
	}

JUDGED(refused_percent, "%", 8)
JUDGED(refused_conversion, "%o", 8)
JUDGED(refused_short, "%hd", 8)
JUDGED(refused_longest, "%llld", 8)
JUDGED(refused_precision, "%.3d", 8)
JUDGED(refused_alternative, "%#x", 8)
JUDGED(refused_control, "\x01", 8)
JUDGED(refused_pointer, "%pd", 8)
JUDGED(refused_address, "%pI5", 8)
JUDGED(refused_string, "%pkS", 8)
JUDGED(refused_after_string, "%sx", 8)
JUDGED(refused_after_string_of_latin, "%s\xe9", 8)
JUDGED(refused_arguments, "%d %d", 8)
JUDGED(refused_thirteen, "%d%d%d%d%d%d%d%d%d%d%d%d%d", 96)
JUDGED(accepted_latin, "\xc3\xa9%s\xa7", 8)
JUDGED(accepted_arguments, "%d", 96)
JUDGED(accepted_thirteen, "%d%d%d%d%d%d%d%d%d%d%d%d%d", 104)

/* Of a length that varies, the bits that are known count. */
SEC("xdp")
int refused_varying(struct xdp_md *ctx)
{
	u64 data[4] = {};
	static const char constant[] = "%d";
	u32 len = ctx->rx_queue_index & 24;

	return bpf_snprintf(text, sizeof(text), constant, data, len);
}

SEC("xdp")
int accepted_varying(struct xdp_md *ctx)
{
	u64 data[4] = {};
	static const char constant[] = "%d";
	u32 len = (ctx->rx_queue_index & 16) + 8;

	return bpf_snprintf(text, sizeof(text), constant, data, len);
}

char LICENSE[] SEC("license") = "GPL";
