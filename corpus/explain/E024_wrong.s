; The values of a hash have no address before there are any.
.type socket_filter
.map values hash 4 8 1
r1 = map[values][0]+0
r0 = *(u32 *)(r1 + 0)
exit
