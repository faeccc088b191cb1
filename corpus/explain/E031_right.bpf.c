/* What is learnt of it goes into the program's own variables. */
#include "../src/kernel.h"
#include "../src/trace.h"

u32 latest;

SEC("tp_btf/sched_process_exec")
int TYPED_PROG1(change, struct task_struct *, task)
{
	latest = task->tgid;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
