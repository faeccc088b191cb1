/* The helper returns the address of the task as a number. */
#include "../src/kernel.h"
#include "../src/trace.h"

SEC("raw_tp/sys_enter")
int number_as_address(struct raw_sys_enter *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->tgid & 1;
}

char LICENSE[] SEC("license") = "GPL";
