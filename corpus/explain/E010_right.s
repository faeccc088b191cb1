; Each path has its own load.
.type socket_filter
r0 = *(u32 *)(r1 + 0)
*(u64 *)(r10 - 8) = r0
if r0 == 0 goto context
r0 = *(u32 *)(r10 - 8)
exit
context:
r0 = *(u32 *)(r1 + 0)
exit
