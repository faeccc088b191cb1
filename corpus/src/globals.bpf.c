// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Global variables. They are maps in disguise: one array with a single value for each of the
 * sections .data, .bss and .rodata, which the loader makes and user space can read and write.
 */
#include "trace.h"

/* .rodata: settings. User space changes them before the program is loaded, from then on they
 * are constants, and the verifier drops code they rule out. `volatile` keeps the compiler
 * from believing the value it sees here. */
const volatile u32 only_uid = 0xffffffff; /* this one means "everyone" */
const volatile bool chatty = true;
const volatile char greeting[16] = "exec number";

/* .data: variables that begin with a value. */
u64 next_number = 1;
u32 last_pids[4] = { 1, 1, 1, 1 };

/* .bss: variables that begin with zero. */
u64 seen;
u64 skipped;
static u32 position;

SEC("tracepoint/syscalls/sys_enter_execve")
int globals(struct sys_enter_execve *ctx)
{
	u32 uid = (u32)bpf_get_current_uid_gid();
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	u64 number;

	seen++;
	if (only_uid != 0xffffffff && only_uid != uid) {
		skipped++;
		return 0;
	}
	number = __sync_fetch_and_add(&next_number, 1);
	last_pids[position & 3] = pid; /* the mask is what bounds the index */
	position++;
	if (chatty)
		bpf_printk("%s %llu: pid %d", (const char *)greeting, number, pid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
