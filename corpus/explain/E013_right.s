; These are its last 8 bytes.
.type socket_filter
r0 = 0
*(u64 *)(r10 - 512) = r0
exit
