; After ten passes it ends in any case.
.type socket_filter
r6 = 10
again:
r0 = *(u32 *)(r1 + 0)
r6 += -1
if r6 == 0 goto out
if r0 != 0 goto again
out:
exit
