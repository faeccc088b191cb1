; A pointer beyond the top of the stack, even unused.
.type socket_filter
r0 = 0
r1 = r10
r1 += 8
exit
