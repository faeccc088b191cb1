/* The function promises to need a whole sample. */
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
	u64 nr = ctx->nr;

	return is_late((void *)&nr);
}

char LICENSE[] SEC("license") = "GPL";
