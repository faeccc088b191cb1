; 304 and 160.
.type socket_filter
r0 = 0
*(u64 *)(r10 - 304) = r0
call other
exit
other:
r0 = 0
*(u64 *)(r10 - 160) = r0
exit
