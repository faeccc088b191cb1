; Four of the eight bytes were never written.
.type socket_filter
*(u32 *)(r10 - 8) = 0
r0 = *(u64 *)(r10 - 8)
exit
