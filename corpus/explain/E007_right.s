; The mask leaves 0 to 7.
.type raw_tracepoint
r2 = *(u64 *)(r1 + 8)
r2 &= 7
r3 = r10
r3 += -8
r3 += r2
r0 = 0
*(u8 *)(r3 + 0) = r0
exit
