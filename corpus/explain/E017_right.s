; 8 bytes at a multiple of 8.
.type socket_filter
r0 = 0
*(u64 *)(r10 - 16) = r0
exit
