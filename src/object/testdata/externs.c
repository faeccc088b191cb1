/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Programs that need what the kernel supplies, beside one that does not. */
#include "defs.h"

enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };

extern u32 LINUX_KERNEL_VERSION EXTERN(".kconfig");
extern const u16 CONFIG_HZ EXTERN(".kconfig");
extern const enum libbpf_tristate CONFIG_EXT4_FS EXTERN(".kconfig");
extern const _Bool CONFIG_BPF_SYSCALL EXTERN(".kconfig");
extern const char CONFIG_IKCONFIG EXTERN(".kconfig") WEAK;
extern const char CONFIG_DEFAULT_HOSTNAME[5] EXTERN(".kconfig");
extern const u64 CONFIG_MISSING EXTERN(".kconfig") WEAK;

extern void bpf_rcu_read_lock___mine(void) EXTERN(".ksyms");
extern int bpf_missing_kfunc(u32 x) EXTERN(".ksyms") WEAK;
extern const int bpf_prog_active EXTERN(".ksyms");
extern const int missing_variable EXTERN(".ksyms") WEAK;
extern const void __per_cpu_start EXTERN(".ksyms");
extern const void schedule EXTERN(".ksyms");
extern const void missing_symbol EXTERN(".ksyms") WEAK;

SEC("socket") int config(void *ctx)
{
	return LINUX_KERNEL_VERSION;
}

SEC("socket") int weak_config(void *ctx)
{
	return CONFIG_MISSING;
}

SEC("socket") int all_config(void *ctx)
{
	return CONFIG_HZ + CONFIG_EXT4_FS + CONFIG_BPF_SYSCALL + CONFIG_IKCONFIG + CONFIG_DEFAULT_HOSTNAME[1];
}

SEC("socket") int kfunc(void *ctx)
{
	bpf_rcu_read_lock___mine();
	return 0;
}

SEC("socket") int weak_kfunc(void *ctx)
{
	return bpf_missing_kfunc(1);
}

SEC("socket") int weak_kfunc_asked_for(void *ctx)
{
	return bpf_missing_kfunc ? bpf_missing_kfunc(1) : 2;
}

SEC("socket") int variables(void *ctx)
{
	return (long)&bpf_prog_active + (long)&missing_variable;
}

SEC("socket") int symbols(void *ctx)
{
	return (long)&__per_cpu_start + (long)&schedule + (long)&missing_symbol;
}

SEC("socket") int plain(void *ctx)
{
	return 1;
}

SEC("nonsense/x") int unknown(void *ctx)
{
	return 1;
}
