; The task of this hook is being freed.
.type lsm/task_free
.license GPL
r1 = *(u64 *)(r1 + 0)
call bpf_task_acquire
r0 = 0
exit
