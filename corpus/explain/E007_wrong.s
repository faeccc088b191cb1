; A number of 64 bits from outside may be anything, negative also.
.type raw_tracepoint
r2 = *(u64 *)(r1 + 8)
r3 = r10
r3 += r2
r0 = 0
exit
