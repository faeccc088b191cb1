; Within it.
.type socket_filter
r0 = 0
r1 = r10
r1 += -8
exit
