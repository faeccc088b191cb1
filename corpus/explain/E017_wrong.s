; 8 bytes at a multiple of 4.
.type socket_filter
r0 = 0
*(u64 *)(r10 - 12) = r0
exit
