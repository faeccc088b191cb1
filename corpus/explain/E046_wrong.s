; Three instructions, a million times.
.type socket_filter
r0 = 0
again:
r0 += 1
if r0 != 1000000 goto again
exit
