/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Variables of an arena. */
#include "defs.h"

#define ARENA __attribute__((address_space(1)))

struct {
	__uint(type, 33);
	__uint(map_flags, 1 << 10);
	__uint(max_entries, 2);
	__ulong(map_extra, 1ull << 44);
} arena SEC(".maps");

u64 ARENA first SEC(".addr_space.1") = 7;
u64 ARENA second SEC(".addr_space.1") = 9;

SEC("syscall") int sum(void *ctx)
{
	asm volatile("" : : "r"(&arena));
	return first + second;
}
