; An atomic addition to a field of the context.
.type sched_cls
r2 = 1
lock *(u32 *)(r1 + 48) += r2
r0 = 0
exit
