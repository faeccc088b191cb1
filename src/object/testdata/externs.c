/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that need what the kernel supplies, beside one that does not. */
#include "defs.h"

extern u32 LINUX_KERNEL_VERSION EXTERN(".kconfig");
extern const u32 CONFIG_MISSING EXTERN(".kconfig") WEAK;
extern int bpf_some_kfunc(u32 x) EXTERN(".ksyms") WEAK;
extern const int some_symbol EXTERN(".ksyms");
extern int elsewhere(u32 x);

SEC("socket") int config(void *ctx)
{
	return LINUX_KERNEL_VERSION;
}

SEC("socket") int weak_config(void *ctx)
{
	return CONFIG_MISSING;
}

SEC("socket") int kfunc(void *ctx)
{
	return bpf_some_kfunc(1);
}

SEC("socket") int symbol(void *ctx)
{
	return (long)&some_symbol != 0;
}

SEC("socket") int undefined(void *ctx)
{
	return elsewhere(1);
}

SEC("socket") int plain(void *ctx)
{
	return 1;
}

SEC("nonsense/x") int unknown(void *ctx)
{
	return 1;
}
