; The byte is loaded without it, which is extended then.
.type socket_filter
.license GPL
.map shared arena 0 0 1 0x400
r1 = map[shared][0]+8 ll
r1 = addr_space_cast(r1, 0, 1)
r0 = *(u8 *)(r1 +0)
r0 = (s8)r0
exit
