/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Maps as they were declared before BTF. */
#include "defs.h"

struct definition {
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 map_flags;
};

struct definition hits SEC("maps") = { .type = 1, .key_size = 4, .value_size = 8, .max_entries = 16, .map_flags = 1 };
struct definition slots SEC("maps") = { .type = 2, .key_size = 4, .value_size = 4, .max_entries = 2 };

SEC("socket") int count(void *ctx)
{
	u32 key = 0;

	return map_lookup(&hits, &key) && map_lookup(&slots, &key);
}
