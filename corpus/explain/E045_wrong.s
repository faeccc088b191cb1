; Nothing that is known changes from one pass to the next.
.type socket_filter
again:
r0 = *(u32 *)(r1 + 0)
if r0 != 0 goto again
exit
