; The task of this hook is alive.
.type lsm/task_alloc
.license GPL
r1 = *(u64 *)(r1 + 0)
call bpf_task_acquire
if r0 == 0 goto out
r1 = r0
call bpf_task_release
out:
r0 = 0
exit
