; An array with one element has.
.type socket_filter
.map values array 4 8 1
r1 = map[values][0]+0
r0 = *(u32 *)(r1 + 0)
exit
