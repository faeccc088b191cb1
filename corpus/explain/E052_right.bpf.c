/* It is given one. */
#include "../src/trace.h"

struct sample {
	u64 nr;
	u64 time;
};

__noinline int is_late(const struct sample *sample)
{
	return sample && sample->time > 1000;
}

SEC("raw_tp/sys_enter")
int judge(struct raw_sys_enter *ctx)
{
	struct sample sample = { .nr = ctx->nr };

	return is_late(&sample);
}

char LICENSE[] SEC("license") = "GPL";
