/* A task is not for programs to change. */
#include "../src/kernel.h"
#include "../src/trace.h"

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(change, struct task_struct *, task)
{
	task->tgid = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
