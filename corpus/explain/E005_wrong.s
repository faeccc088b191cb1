; A mask takes bits out of an address.
.type socket_filter
r2 = r10
r2 += -16
r2 &= -8
r0 = 0
*(u64 *)(r2 + 0) = r0
exit
