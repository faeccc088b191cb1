/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program at static probes, which finds its arguments where libbpf says they lie. */
#include "defs.h"

enum place { CONSTANT, REGISTER, MEMORY };

struct __bpf_usdt_arg_spec {
	u64 val_off;
	enum place arg_type;
	short reg_off;
	_Bool arg_signed;
	char arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[12];
	u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, 2);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps");

static u64 (*get_attach_cookie)(void *ctx) = (void *)174;
static long (*probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;

u64 passed;
u64 count;
u64 cookie;
long found[4];

static NOINLINE long argument(void *ctx, struct __bpf_usdt_spec *spec, u32 index)
{
	struct __bpf_usdt_arg_spec *place = &spec->args[index & 3];
	u64 number = 0;

	if (place->arg_type == CONSTANT) {
		number = place->val_off;
	} else {
		probe_read_kernel(&number, 8, ctx + (place->reg_off & 0xff));
		if (place->arg_type == MEMORY)
			probe_read_user(&number, 8, (void *)(number + place->val_off));
	}
	number <<= place->arg_bitshift & 63;
	if (place->arg_signed)
		return (long)number >> (place->arg_bitshift & 63);
	return number >> (place->arg_bitshift & 63);
}

SEC("usdt/./shop:shop:sold") int sold(void *ctx)
{
	int id = cookie = get_attach_cookie(ctx);
	struct __bpf_usdt_spec *spec = map_lookup(&__bpf_usdt_specs, &id);

	passed++;
	if (!spec)
		return 0;
	count = spec->arg_cnt;
	found[0] = argument(ctx, spec, 0);
	found[1] = argument(ctx, spec, 1);
	found[2] = argument(ctx, spec, 2);
	found[3] = argument(ctx, spec, 3);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
