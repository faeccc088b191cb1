; The jump leads to the last of them.
.type socket_filter
r0 = 0
if r0 == 0 goto +0
exit
