; The end of a packet is not to be moved.
.type xdp
r2 = *(u32 *)(r1 + 0)
r3 = *(u32 *)(r1 + 4)
r0 = 2
r3 -= 14
if r2 > r3 goto out
r0 = *(u8 *)(r2 + 0)
r0 = 1
out:
exit
