; Either the context or the stack is read by the same load.
.type socket_filter
r0 = *(u32 *)(r1 + 0)
*(u64 *)(r10 - 8) = r0
if r0 == 0 goto read
r1 = r10
r1 += -8
read:
r0 = *(u32 *)(r1 + 0)
exit
