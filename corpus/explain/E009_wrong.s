; The context is moved to its third word, and read there.
.type socket_filter
r1 += 8
r0 = *(u32 *)(r1 + 0)
exit
