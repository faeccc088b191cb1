; r10 is not moved, not even to where the local variables are.
.type socket_filter
r10 += -8
r0 = 0
*(u64 *)(r10 + 0) = r0
exit
