; The offset is computed first, and added once.
.type socket_filter
r3 = -16
r3 &= -8
r2 = r10
r2 += r3
r0 = 0
*(u64 *)(r2 + 0) = r0
exit
