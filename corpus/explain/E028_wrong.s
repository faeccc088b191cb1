; The context is in r1, not in r6.
.type socket_filter
r6 = 0
r0 = *(u8 *)skb[12]
exit
