/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every kind of map declaration. */
#include "defs.h"

struct value {
	u64 count;
	u32 owner;
};

typedef u32 number;

struct counters {
	__uint(type, 1);
	__uint(max_entries, 1024);
	__uint(map_flags, 1);
	__uint(numa_node, 0);
	__type(key, const number);
	__type(value, struct value);
	__uint(pinning, 1);
} counters SEC(".maps");

struct {
	__uint(type, 30);
	__uint(key_size, 0);
	__uint(value_size, 12);
	__uint(max_entries, 3);
	__ulong(map_extra, 5);
} filter SEC(".maps");

struct {
	__uint(type, 27);
	__uint(max_entries, 5000);
} ring SEC(".maps");

struct inner {
	__uint(type, 2);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} inner_one SEC(".maps"), inner_two SEC(".maps");

struct {
	__uint(type, 12);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &inner_one, [6] = &inner_two } };

int target(void *ctx);

struct {
	__uint(type, 3);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps") = { .values = { [2] = &target } };

SEC("socket") int target(void *ctx)
{
	u32 key = 1;
	struct value *value = map_lookup(&counters, &key);

	return value ? value->owner : 0;
}

SEC("socket") int jump(void *ctx)
{
	u32 key = 1;
	void *map = map_lookup(&outer, &key);

	if (map && map_lookup(&ring, &key) && map_lookup(&filter, &key))
		return 1;
	tail_call(ctx, &jumps, 2);
	return 0;
}
