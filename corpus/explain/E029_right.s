; Its state is visible at once.
.type sched_cls
r1 = *(u64 *)(r1 + 168)
r0 = 0
if r1 == 0 goto out
r2 = *(u32 *)(r1 + 72)
out:
exit
