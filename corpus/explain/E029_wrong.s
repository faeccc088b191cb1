; A context's socket shows its type only in full.
.type sched_cls
r1 = *(u64 *)(r1 + 168)
r0 = 0
if r1 == 0 goto out
r2 = *(u32 *)(r1 + 8)
out:
exit
