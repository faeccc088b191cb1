; The offset stands in the instruction.
.type socket_filter
r0 = *(u32 *)(r1 + 8)
exit
