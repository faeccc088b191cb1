; The same in three steps.
.type sched_cls
r2 = *(u32 *)(r1 + 48)
r2 += 1
*(u32 *)(r1 + 48) = r2
r0 = 0
exit
