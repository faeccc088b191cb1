; A loop, if a short one.
.type socket_filter
r0 = 0
again:
r0 += 1
if r0 != 3 goto again
exit
