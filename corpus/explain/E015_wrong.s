; An atomic addition to one of two elements on the stack.
.type socket_filter
r2 = *(u32 *)(r1 + 0)
r2 &= 8
r3 = r10
r3 += -16
r3 += r2
*(u64 *)(r10 - 8) = 0
*(u64 *)(r10 - 16) = 0
r0 = 1
lock *(u64 *)(r3 + 0) += r0
exit
