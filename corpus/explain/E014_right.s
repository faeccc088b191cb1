; All eight were.
.type socket_filter
*(u64 *)(r10 - 8) = 0
r0 = *(u64 *)(r10 - 8)
exit
