/* The loader finds the member in the kernel's types. */
#include "../src/kernel.h"
#include "../src/trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(read, struct task_struct *, task)
{
	return task->tgid & 1;
}

char LICENSE[] SEC("license") = "GPL";
