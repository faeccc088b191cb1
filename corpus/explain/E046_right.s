; Ten thousand times.
.type socket_filter
r0 = 0
again:
r0 += 1
if r0 != 10000 goto again
exit
