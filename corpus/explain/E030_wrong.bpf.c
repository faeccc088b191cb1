/* No task is that large. */
#include "../src/kernel.h"
#include "../src/trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(read, struct task_struct *, task)
{
	return *(volatile u32 *)((char *)task + 0x7000) & 1;
}

char LICENSE[] SEC("license") = "GPL";
