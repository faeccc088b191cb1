; The caller owns the variable, the function fills it.
.type socket_filter
r1 = r10
r1 += -8
call fill
r0 = *(u64 *)(r10 - 8)
exit
fill:
*(u64 *)(r1 + 0) = 1
r0 = 0
exit
