/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A map that objects share by its name, beside one that they do not. */
#include "defs.h"

struct {
	__uint(type, 1);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
	__uint(pinning, 1);
} shared SEC(".maps");

struct {
	__uint(type, 1);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} own SEC(".maps");

SEC("socket") int pinned(void *ctx)
{
	u32 key = 1;

	return map_lookup(&shared, &key) != map_lookup(&own, &key);
}
